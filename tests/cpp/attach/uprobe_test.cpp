// User probes in this program and in libc.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>

#include "fixture.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;

extern "C" __attribute__((noinline)) int ebl_test_probed_function(int value) {
  asm volatile("" ::: "memory");
  return value + 1;
}

TEST_F(Attach, uprobe_by_symbol_in_this_program) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (const char* kind : {"uprobe", "uretprobe"}) {
    TestProgram test(kind);
    const ProbeSpec spec =
        spec_of(fmt::format("{}:{}:ebl_test_probed_function", kind, self));
    ASSERT_EQ(load(test, spec), 0);
    Result<Link> link = attach(test.program(), spec, {.pid = ::getpid()});
    ASSERT_ATTACHED(link);
    int sum = 0;
    for (int i = 0; i < 30; i++) sum += ebl_test_probed_function(i);
    EXPECT_EQ(sum, 465);
    EXPECT_EQ(test.runs(), 30u) << kind;
    link->close();
    ebl_test_probed_function(1);
    EXPECT_EQ(test.runs(), 30u);
  }
}

TEST_F(Attach, uprobe_with_a_cookie) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  TestProgram test("uprobe", {.cookie = true});
  const ProbeSpec spec = spec_of(fmt::format("uprobe:{}:ebl_test_probed_function", self));
  LOAD_WITH_COOKIE(test, spec);
  const Result<Link> link =
      attach(test.program(), spec, {.pid = ::getpid(), .cookie = 7});
  ASSERT_ATTACHED(link);
  ebl_test_probed_function(1);
  EXPECT_EQ(test.counts().cookie, 7u);
}

TEST_F(Attach, uprobe_in_a_library_by_name_for_all_processes) {
  TestProgram test("uprobe//nowhere:x");
  const ProbeSpec spec = spec_of("uprobe:libc:getpgid");
  ASSERT_EQ(load(test, spec), 0);
  const Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 10; i++) (void)::getpgid(0);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(test.runs(), 10u);
}

TEST_F(Attach, uprobe_says_which_part_is_wrong) {
  TestProgram test("uprobe");
  ASSERT_EQ(test.load(), 0);
  const struct {
    const char* spec;
    Code code;
    const char *message, *hint;
  } rows[] = {
      {"uprobe:libc:mallocc", Code::not_found, "has no function mallocc", "'malloc'"},
      {"uprobe:/nowhere:x", Code::not_found,
       "uprobe:/nowhere:x: there is no file /nowhere", ""},
      {"uprobe:libnowhere:x", Code::not_found,
       "no library and no program is called libnowhere", "path"},
      {"uprobe:/proc/version:x", Code::invalid, "/proc/version is not an ELF file",
       "script"},
      {"uprobe:/:x", Code::invalid, "/ is not a file", ""},
      {"uprobe:libc:0x1", Code::not_found, "has no code at 0x1", ""},
      {"uprobe:libc:getpgid+0x10000", Code::invalid, "bytes long", ""},
      {"uprobe:libc:memcpy", Code::not_supported, "IFUNC", "variants"},
  };
  for (const auto& row : rows) {
    const Result<Link> link = attach(test.program(), spec_of(row.spec), {});
    ASSERT_FALSE(link) << row.spec;
    EXPECT_EQ(link.error().code, row.code) << row.spec;
    EXPECT_EQ(link.error().stage, Stage::attach);
    EXPECT_THAT(link.error().message, HasSubstr(row.message));
    EXPECT_THAT(link.error().hint, HasSubstr(row.hint)) << row.spec;
  }
  const Result<Link> nobody =
      attach(test.program(), spec_of("uprobe:libc:malloc"), {.pid = 0x3ffffff});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().message, "uprobe:libc:malloc: there is no process 67108863");
}

}  // namespace
}  // namespace ebl::attach
