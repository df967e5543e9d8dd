#include "btf/layout.h"

#include <gtest/gtest.h>

namespace ebl::btf {
namespace {

const Btf& kernel() {
  static const Btf btf = *Btf::from_file("/sys/kernel/btf/vmlinux");
  return btf;
}

const LayoutField* field(const LayoutType& type, const std::string& name) {
  for (const LayoutField& candidate : type.fields)
    if (candidate.name == name) return &candidate;
  return nullptr;
}

TEST(Layout, describes_strings_bit_fields_and_nesting) {
  Result<TypeId> id = type_by_name(kernel(), "struct task_struct");
  ASSERT_TRUE(id);
  Result<Layout> layout = layout_of(kernel(), *id);
  ASSERT_TRUE(layout) << layout.error().message;
  const LayoutType& task = layout->types[layout->root];
  EXPECT_EQ(task.kind, LayoutType::Kind::structure);
  EXPECT_EQ(task.name, "task_struct");
  EXPECT_EQ(task.size, kernel().byte_size(*id));

  const LayoutField* comm = field(task, "comm");
  ASSERT_TRUE(comm);
  const LayoutType& text = layout->types[comm->type];
  EXPECT_EQ(text.kind, LayoutType::Kind::array);
  EXPECT_EQ(text.count, 16u);
  EXPECT_TRUE(layout->types[text.element].is_char);

  const LayoutField* in_execve = field(task, "in_execve");
  ASSERT_TRUE(in_execve);
  EXPECT_EQ(in_execve->bits, 1u);

  const LayoutField* parent = field(task, "real_parent");
  ASSERT_TRUE(parent);
  EXPECT_EQ(layout->types[parent->type].kind, LayoutType::Kind::pointer);
}

TEST(Layout, signed_enumerations_keep_their_values) {
  Result<TypeId> id = type_by_name(kernel(), "enum pid_type");
  ASSERT_TRUE(id);
  Result<Layout> layout = layout_of(kernel(), *id);
  ASSERT_TRUE(layout);
  ASSERT_FALSE(layout->types[0].values.empty());
  EXPECT_EQ(layout->types[0].values[0].name, "PIDTYPE_PID");
}

TEST(Layout, refuses_types_without_a_size) {
  EXPECT_FALSE(layout_of(kernel(), 0));
  EXPECT_FALSE(type_by_name(kernel(), "struct no_such_struct"));
}

TEST(Layout, a_bare_name_finds_typedefs_and_tags) {
  EXPECT_TRUE(type_by_name(kernel(), "pid_t"));
  EXPECT_TRUE(type_by_name(kernel(), "task_struct"));
  EXPECT_FALSE(type_by_name(kernel(), "union task_struct"));
}

TEST(Layout, names_what_is_near) {
  const std::string hint = type_by_name(kernel(), "struct task_strut").error().hint;
  EXPECT_TRUE(hint.starts_with("did you mean 'task_struct'")) << hint;
  EXPECT_EQ(*enumerator_value(kernel(), "PIDTYPE_TGID"), 1);
  EXPECT_NE(
      enumerator_value(kernel(), "TCP_ESTABLISHD").error().hint.find("TCP_ESTABLISHED"),
      std::string::npos);
}

}  // namespace
}  // namespace ebl::btf
