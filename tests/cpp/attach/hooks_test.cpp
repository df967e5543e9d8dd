// Tracepoints of each form, fentry and fexit, kprobes on the running kernel.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/perf_event.h"
#include "base/permissions.h"
#include "fixture.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;

TEST_F(Attach, tracepoint_with_a_cookie) {
  TestProgram test("tracepoint", own(true));
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  LOAD_WITH_COOKIE(test, spec);
  const Result<Link> link = attach(test.program(), spec, {.cookie = 0x1122334455667788});
  ASSERT_ATTACHED(link);
  make_event(10);
  EXPECT_EQ(test.counts().cookie, 0x1122334455667788u);
}

TEST_F(Attach, tracepoint_runs_at_each_event_until_it_is_closed) {
  TestProgram test("tracepoint", own());
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  EXPECT_TRUE(link->attached());
  EXPECT_GE(link->fd(), 0);
  make_event(100);
  EXPECT_EQ(test.runs(), 100u);
  link->close();
  link->close();
  EXPECT_FALSE(link->attached());
  make_event(10);
  EXPECT_EQ(test.runs(), 100u);
}

TEST_F(Attach, tracepoint_that_is_not_there_names_near_ones) {
  TestProgram test("tracepoint");
  ASSERT_EQ(test.load(), 0);
  const struct {
    const char *spec, *hint;
  } rows[] = {{"tracepoint:sched:sched_swich", "'sched_switch'"},
              {"tracepoint:shed:sched_switch", "tracepoint:sched:sched_switch"},
              {"tracepoint:syscals:none_such", "'syscalls'"}};
  for (const auto& row : rows) {
    const Result<Link> link = attach(test.program(), spec_of(row.spec), {});
    ASSERT_FALSE(link);
    SKIP_UNLESS_POSSIBLE(link.error());
    EXPECT_EQ(link.error().code, Code::not_found);
    EXPECT_EQ(link.error().message, fmt::format("there is no {}", row.spec));
    EXPECT_THAT(link.error().hint, HasSubstr(row.hint));
  }
}

TEST_F(Attach, raw_tracepoint) {
  TestProgram test("raw_tracepoint", own());
  const ProbeSpec spec = spec_of("raw_tracepoint:sys_enter");
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  make_event(50);
  EXPECT_GE(test.runs(), 50u);
  link->close();

  const Result<Link> wrong =
      attach(test.program(), spec_of("raw_tracepoint:sys_entr"), {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::not_found);
  EXPECT_EQ(wrong.error().message,
            "raw_tracepoint:sys_entr: the kernel has no event sys_entr");
  EXPECT_THAT(wrong.error().hint, HasSubstr("'sys_enter'"));
}

TEST_F(Attach, raw_tracepoint_with_a_cookie) {
  TestProgram test("raw_tracepoint", own(true));
  const ProbeSpec spec = spec_of("raw_tracepoint:sys_enter");
  LOAD_WITH_COOKIE(test, spec);
  const Result<Link> link = attach(test.program(), spec, {.cookie = 43});
  ASSERT_ATTACHED(link);
  make_event(50);
  EXPECT_GE(test.runs(), 50u);
  EXPECT_EQ(test.counts().cookie, 43u);
}

TEST_F(Attach, tp_btf_with_a_target_that_only_the_spec_tells) {
  TestProgram test("tp_btf/sched_switch", own());
  const ProbeSpec spec = spec_of("tp_btf:sys_enter");
  ASSERT_EQ(load(test, spec), 0);
  const Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  make_event(50);
  EXPECT_GE(test.runs(), 50u);
}

TEST_F(Attach, tp_btf_with_a_cookie) {
  TestProgram test("tp_btf/sys_enter", own(true));
  const ProbeSpec spec = spec_of("tp_btf:sys_enter");
  LOAD_WITH_COOKIE(test, spec);
  const Result<Link> link = attach(test.program(), spec, {.cookie = 42});
  ASSERT_ATTACHED(link);
  make_event(50);
  EXPECT_GE(test.runs(), 50u);
  EXPECT_EQ(test.counts().cookie, 42u);
}

TEST_F(Attach, tp_btf_and_fentry_targets_are_checked_before_load) {
  TestProgram event("tp_btf/sched_switch");
  const Result<UniqueFd> no_event =
      prepare(event.program(), spec_of("tp_btf:sched_swich"));
  ASSERT_FALSE(no_event);
  EXPECT_EQ(no_event.error().code, Code::not_found);
  EXPECT_THAT(no_event.error().hint, HasSubstr("'sched_switch'"));

  TestProgram function("fentry/vfs_read");
  const Result<UniqueFd> typo = prepare(function.program(), spec_of("fentry:vfs_raed"));
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::not_found);
  EXPECT_EQ(typo.error().message,
            "fentry:vfs_raed: the kernel has no function vfs_raed that can be probed");
  EXPECT_THAT(typo.error().hint, HasSubstr("'vfs_read'"));

  const Result<UniqueFd> renamed = prepare(function.program(), spec_of("fentry:do_fork"));
  ASSERT_FALSE(renamed);
  EXPECT_EQ(renamed.error().hint, "do_fork is called kernel_clone in this kernel");
  // libbpf 1.1.2 gives the BTF that it looked into back at load only.
  (void)event.load();
  (void)function.load();
}

TEST_F(Attach, fentry_and_fexit) {
  for (const char* kind : {"fentry", "fexit"}) {
    TestProgram test(std::string(kind) + "/vfs_read", own());
    const ProbeSpec spec = spec_of(std::string(kind) + ":ksys_read");
    const int error = load(test, spec);
    if (error == EPERM || error == EACCES) {
      const Capability needed[] = {Capability::bpf, Capability::perfmon};
      const Error why = explain_permission(Stage::load, "load", error, needed);
      GTEST_SKIP() << kind << ": " << why.message;
    }
    ASSERT_EQ(error, 0);
    const Result<Link> link = attach(test.program(), spec, {});
    ASSERT_ATTACHED(link);
    char byte;
    UniqueFd zero(::open("/dev/zero", O_RDONLY));
    for (int i = 0; i < 20; i++) ASSERT_EQ(::read(zero.get(), &byte, 1), 1);
    EXPECT_GE(test.runs(), 20u);
  }
}

TEST_F(Attach, kprobe_and_kretprobe) {
  for (const char* text : {"kprobe:getpgid", "kretprobe:sys_getpgid"}) {
    TestProgram test("kprobe", own());
    const ProbeSpec spec = spec_of(text);
    ASSERT_EQ(load(test, spec), 0);
    const Result<Link> link = attach(test.program(), spec, {});
    if (!perf_unit("kprobe")) {
      ASSERT_FALSE(link);
      EXPECT_EQ(link.error().code, Code::not_supported);
      EXPECT_EQ(link.error().message,
                fmt::format("cannot attach to {}: this kernel was built without kprobes "
                            "(CONFIG_KPROBES)",
                            text));
      EXPECT_THAT(link.error().hint, HasSubstr("tracepoint"));
      EXPECT_THAT(link.error().hint, HasSubstr("fentry:"));
      continue;
    }
    ASSERT_ATTACHED(link);
    make_event(20);
    EXPECT_EQ(test.runs(), 20u) << text;
  }
}

}  // namespace
}  // namespace ebl::attach
