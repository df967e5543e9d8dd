#include "btf/prototype.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ebl::btf {
namespace {

const Btf& kernel() {
  static const Btf btf = *Btf::from_file("/sys/kernel/btf/vmlinux");
  return btf;
}

std::vector<std::string> declarations(const Prototype& prototype) {
  std::vector<std::string> list;
  for (const Prototype::Part& part : prototype.parameters)
    list.push_back(part.type + "|" + part.name);
  return list;
}

TEST(Prototype, of_a_function_has_names_types_and_a_result) {
  Result<Prototype> read = function_prototype(kernel(), "vfs_read");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(declarations(*read),
              testing::ElementsAre("struct file *|file", "char *|buf", "size_t|count",
                                   "loff_t *|pos"));
  EXPECT_EQ(read->result, "ssize_t");
  EXPECT_FALSE(read->variadic);
}

TEST(Prototype, of_a_tracepoint_leaves_out_the_kernels_own_parameter) {
  Result<Prototype> change = tracepoint_prototype(kernel(), "sched_switch");
  ASSERT_TRUE(change) << change.error().message;
  std::vector<std::string> parameters = declarations(*change);
  if (parameters.size() == 4) {  // since 5.18
    EXPECT_EQ(parameters.back(), "unsigned int|prev_state");
    parameters.pop_back();
  }
  EXPECT_THAT(parameters,
              testing::ElementsAre("bool|preempt", "struct task_struct *|prev",
                                   "struct task_struct *|next"));
}

TEST(Prototype, says_what_is_variadic) {
  Result<Prototype> print = function_prototype(kernel(), "_printk");
  if (!print) print = function_prototype(kernel(), "printk");  // its name before 5.15
  ASSERT_TRUE(print) << print.error().message;
  EXPECT_THAT(declarations(*print), testing::ElementsAre("const char *|fmt"));
  EXPECT_TRUE(print->variadic);
}

TEST(Prototype, names_the_nearest) {
  const Error function = function_prototype(kernel(), "vfs_raed").take_error();
  EXPECT_EQ(function.code, Code::not_found);
  EXPECT_THAT(function.message, testing::HasSubstr("vfs_raed"));
  EXPECT_THAT(function.hint, testing::HasSubstr("vfs_read"));
  const Error event = tracepoint_prototype(kernel(), "sched_swich").take_error();
  EXPECT_THAT(event.hint, testing::HasSubstr("sched_switch"));
}

}  // namespace
}  // namespace ebl::btf
