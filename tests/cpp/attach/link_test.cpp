// What holds for links of every kind: options, privileges, closing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>

#include "fixture.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(Attach, the_same_program_twice_on_one_tracepoint_is_explained) {
  TestProgram test("tracepoint");
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  ASSERT_EQ(load(test, spec), 0);
  const Result<Link> first = attach(test.program(), spec, {});
  ASSERT_ATTACHED(first);
  const Result<Link> second = attach(test.program(), spec, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "program count is attached to tracepoint:syscalls:sys_enter_getpgid already");
}

TEST_F(Attach, a_link_tells_its_id_and_program) {
  TestProgram test("tracepoint");
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  ASSERT_EQ(load(test, spec), 0);
  const Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  const Result<LinkInfo> info = link->info();
  if (!info) SKIP_UNLESS_POSSIBLE(info.error());
  ASSERT_TRUE(info);
  EXPECT_GT(info->id, 0u);
  EXPECT_GT(info->program_id, 0u);
  EXPECT_FALSE(info->missed);
  const Result<void> updated = link->update(test.program());
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code, Code::not_supported);
}

TEST_F(Attach, close_all_detaches_every_link_at_once) {
  constexpr const char* names[] = {"getpgid", "getsid",      "getpriority", "getrlimit",
                                   "getcwd",  "getitimer",   "getgroups",   "times",
                                   "umask",   "sched_yield", "gettid",      "getuid",
                                   "geteuid", "getgid",      "getegid",     "getppid"};
  std::vector<std::unique_ptr<TestProgram>> tests;
  std::vector<Link> links;
  for (const char* name : names) {
    tests.push_back(std::make_unique<TestProgram>("tracepoint", own()));
    const ProbeSpec spec = spec_of(fmt::format("tracepoint:syscalls:sys_enter_{}", name));
    ASSERT_EQ(load(*tests.back(), spec), 0);
    Result<Link> link = attach(tests.back()->program(), spec, {});
    ASSERT_ATTACHED(link);
    links.push_back(std::move(*link));
  }
  make_event(5);
  EXPECT_EQ(tests[0]->runs(), 5u);
  const auto milliseconds = [](auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto took = std::chrono::steady_clock::now() - start;
    return std::chrono::duration<double, std::milli>(took).count();
  };
  std::vector<Link*> pointers = {nullptr};
  for (Link& link : links) pointers.push_back(&link);
  const double one = milliseconds([&] { links.back().close(); });
  const double rest = milliseconds([&] { close_all(pointers); });
  // Times are for the reader of the report: they depend on the kernel and its load.
  RecordProperty("one_link_ms", fmt::format("{:.0f}", one));
  RecordProperty("fifteen_links_ms", fmt::format("{:.0f}", rest));
  make_event(5);
  EXPECT_EQ(tests[0]->runs(), 5u);
  for (const Link& link : links) EXPECT_FALSE(link.attached());
}

TEST_F(Attach, a_link_ends_with_its_process) {
  TestProgram test("tracepoint", {});
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  ASSERT_EQ(load(test, spec), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Result<Link> link = attach(test.program(), spec, {});
    make_event(3);
    ::_exit(link ? 0 : link.error().code == Code::io ? 1 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "tracepoints cannot be attached here";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const std::uint64_t before = test.runs();
  EXPECT_GE(before, 3u);
  make_event(3);
  EXPECT_EQ(test.runs(), before);
}

TEST_F(Attach, options_that_a_kind_does_not_have_are_refused) {
  TestProgram test("tracepoint");
  ASSERT_EQ(test.load(), 0);
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  const struct {
    Options options;
    const char *message, *hint;
  } rows[] = {
      {{.pid = 1},
       "tracepoint has no option pid",
       "pid is for uprobe, uretprobe, uprobe.session, usdt, perf"},
      {{.cpu = 0}, "tracepoint has no option cpu", "cpu is for perf, interval"},
      {{.replace = true}, "tracepoint has no option replace", "replace is for xdp"},
  };
  for (const auto& row : rows) {
    const Result<Link> link = attach(test.program(), spec, row.options);
    ASSERT_FALSE(link);
    EXPECT_EQ(link.error().code, Code::invalid);
    EXPECT_EQ(link.error().message, row.message);
    EXPECT_THAT(link.error().hint, StartsWith(row.hint));  // of many kinds
  }
  const Result<Link> cookie = attach(test.program(), spec_of("xdp:lo"), {.cookie = 1});
  ASSERT_FALSE(cookie);
  EXPECT_THAT(cookie.error().hint,
              HasSubstr("cookie is for tracepoint, raw_tracepoint, tp_btf, kprobe, "));
}

TEST_F(Attach, a_program_of_another_type_is_refused) {
  TestProgram test("tracepoint");
  const Result<UniqueFd> prepared = prepare(test.program(), spec_of("kprobe:vfs_read"));
  ASSERT_FALSE(prepared);
  EXPECT_EQ(
      prepared.error().message,
      "program count is of type tracepoint (SEC(\"tracepoint\")) and cannot be attached "
      "to kprobe:vfs_read");
  EXPECT_EQ(prepared.error().hint, "write SEC(\"kprobe\") for it");
  const Result<Link> early =
      attach(test.program(), spec_of("tracepoint:syscalls:sys_enter_getpgid"), {});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().message, "program count is not loaded");
}

/// Takes all capabilities from this process's effective set; it stays root.
void drop_capabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capset, &header, data) != 0) ::_exit(99);
}

TEST_F(Attach, a_missing_capability_is_named) {
  const struct {
    const char *section, *spec, *missing;
  } rows[] = {
      {"tracepoint", "tracepoint:syscalls:sys_enter_getpgid", "CAP_PERFMON is missing"},
      {"perf_event", "perf:cpu-clock:99hz", "CAP_PERFMON is missing"},
      {"uprobe", "uprobe:libc:getpgid", "CAP_PERFMON is missing"},
  };
  for (const auto& row : rows) {
    TestProgram test(row.section);
    ASSERT_EQ(test.load(), 0);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      drop_capabilities();
      const Result<Link> link = attach(test.program(), spec_of(row.spec), {});
      const std::string text = link ? "attached"
                                    : fmt::format("{}: {}", to_string(link.error().code),
                                                  link.error().message);
      ::_exit(::write(ends[1], text.data(), text.size()) < 0);
    }
    writer.reset();
    char text[512] = {};
    ASSERT_GE(::read(reader.get(), text, sizeof text - 1), 0);
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(text,
              fmt::format("not_permitted: cannot attach to {}: {}, although this is root",
                          row.spec, row.missing));
  }
}

}  // namespace
}  // namespace ebl::attach
