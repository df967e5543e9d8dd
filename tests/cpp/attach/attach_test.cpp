// Attaching on the running kernel: each test makes the event happen and reads what the
// program counted. A test skips only by what the kernel itself said.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "attach/perf_event.h"
#include "base/permissions.h"
#include "test_program.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Skips the test where the kernel or the missing privilege of this run is in the way.
#define SKIP_UNLESS_POSSIBLE(error)                                                 \
  do {                                                                              \
    if ((error).code == Code::not_permitted || (error).code == Code::not_supported) \
      GTEST_SKIP() << (error).message;                                              \
  } while (false)

#define ASSERT_ATTACHED(result)                            \
  do {                                                     \
    if (!(result)) SKIP_UNLESS_POSSIBLE((result).error()); \
    ASSERT_TRUE(result) << (result).error().message;       \
  } while (false)

class Attach : public ::testing::Test {
 protected:
  void SetUp() override {
    UniqueFd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "try", 4, 8, 1, nullptr));
    if (!map) GTEST_SKIP() << "bpf(): " << errno_text(errno);
  }

  /// Loads for that spec; the errno of the kernel, 0 when it went well.
  static int load(TestProgram& test, const ProbeSpec& spec) {
    const Result<void> prepared = prepare(test.program(), spec);
    if (!prepared) throw std::runtime_error(prepared.error().message);
    return test.load();
  }
};

TestProgram::Shape own(bool cookie = false) {
  return {.cookie = cookie, .only_tgid = ::getpid()};
}

// A system call that nothing else makes in this process.
void make_event(int times = 1) {
  for (int i = 0; i < times; i++) ::syscall(SYS_getpgid, 0);
}

template <typename Condition>
bool wait_for(Condition condition) {
  for (int i = 0; i < 300 && !condition(); i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

TEST_F(Attach, tracepoint_runs_at_each_event_with_its_cookie_until_it_is_closed) {
  TestProgram test("tracepoint", own(true));
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {.cookie = 0x1122334455667788});
  ASSERT_ATTACHED(link);
  EXPECT_TRUE(link->attached());
  EXPECT_GE(link->fd(), 0);
  make_event(100);
  EXPECT_EQ(test.runs(), 100u);
  EXPECT_EQ(test.counts().cookie, 0x1122334455667788u);
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
  if (load(test, spec) == EINVAL) GTEST_SKIP() << "no cookies for raw tracepoints";
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
  if (test.load() == EINVAL) GTEST_SKIP() << "no cookies for tp_btf";
  const Result<Link> link =
      attach(test.program(), spec_of("tp_btf:sys_enter"), {.cookie = 42});
  ASSERT_ATTACHED(link);
  make_event(50);
  EXPECT_GE(test.runs(), 50u);
  EXPECT_EQ(test.counts().cookie, 42u);
}

TEST_F(Attach, tp_btf_and_fentry_targets_are_checked_before_load) {
  TestProgram event("tp_btf/sched_switch");
  const Result<void> no_event = prepare(event.program(), spec_of("tp_btf:sched_swich"));
  ASSERT_FALSE(no_event);
  EXPECT_EQ(no_event.error().code, Code::not_found);
  EXPECT_THAT(no_event.error().hint, HasSubstr("'sched_switch'"));

  TestProgram function("fentry/vfs_read");
  const Result<void> typo = prepare(function.program(), spec_of("fentry:vfs_raed"));
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::not_found);
  EXPECT_EQ(typo.error().message,
            "fentry:vfs_raed: the kernel has no function vfs_raed that can be probed");
  EXPECT_THAT(typo.error().hint, HasSubstr("'vfs_read'"));

  const Result<void> renamed = prepare(function.program(), spec_of("fentry:do_fork"));
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
    if (error != 0) {
      const Capability needed[] = {Capability::bpf, Capability::perfmon};
      const Error why = explain_permission(Stage::load, "load", error, needed);
      GTEST_SKIP() << kind << ": " << why.message;
    }
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

TEST_F(Attach, interval_runs_on_the_clock_of_one_cpu) {
  TestProgram test("interval/20ms");
  const ProbeSpec spec = (*spec_of_section("interval/20ms")).value();
  ASSERT_EQ(load(test, spec), 0);
  const Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_GE(test.runs(), 10u);
  EXPECT_LE(test.runs(), 40u);

  const Result<Link> nowhere = attach(test.program(), spec, {.cpu = 100'000});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::not_found);
  EXPECT_EQ(nowhere.error().message, "there is no CPU 100000");
}

TEST_F(Attach, perf_samples_all_cpus_at_a_frequency) {
  TestProgram test("perf/cpu-clock/200hz");
  const ProbeSpec spec = spec_of("perf:cpu-clock:200hz");
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) {
  }
  EXPECT_GE(test.runs(), 20u);
  link->close();
  const std::uint64_t before = test.runs();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(test.runs(), before);
}

TEST_F(Attach, perf_counts_in_one_process_with_the_threads_that_it_has_and_makes) {
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto fault = [] {
      // Each page of a new mapping is one fault.
      constexpr std::size_t pages = 400, page = 4096;
      auto* memory = static_cast<volatile char*>(
          ::mmap(nullptr, pages * page, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      for (std::size_t i = 0; i < pages; i++) memory[i * page] = 1;
    };
    char byte;
    std::thread early([&] {
      if (::read(go[0], &byte, 1) == 1) fault();
    });
    if (::read(go[0], &byte, 1) == 1) std::thread(fault).join();
    early.join();
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the thread is there
  TestProgram test("perf_event", {.pid = true});
  const ProbeSpec spec = spec_of("perf:page-faults:1");
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {.pid = child});
  ASSERT_EQ(::write(go[1], "xx", 2), 2);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_ATTACHED(link);
  EXPECT_GE(test.runs(), 800u);
  EXPECT_LE(test.runs(), 2000u);
  EXPECT_EQ(static_cast<int>(test.counts().pid_tgid >> 32), child);
}

TEST_F(Attach, perf_explains_a_missing_counter_and_too_high_a_frequency) {
  TestProgram test("perf_event");
  ASSERT_EQ(test.load(), 0);
  const Result<Link> cycles = attach(test.program(), spec_of("perf:cycles:1000000"), {});
  if (!cycles) {
    EXPECT_EQ(cycles.error().code, Code::not_supported);
    EXPECT_THAT(
        cycles.error().message,
        StartsWith("perf:cycles:1000000: this machine has no hardware counter for "
                   "cycles (E"));
    EXPECT_THAT(cycles.error().hint, HasSubstr("perf:cpu-clock"));
  }
  const Result<Link> fast =
      attach(test.program(), spec_of("perf:cpu-clock:9999999hz"), {});
  ASSERT_FALSE(fast);
  EXPECT_EQ(fast.error().code, Code::invalid);
  EXPECT_THAT(fast.error().message, HasSubstr("times a second at most"));
  const Result<Link> nobody =
      attach(test.program(), spec_of("perf:cpu-clock:99hz"), {.pid = 0x3ffffff});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().message, "there is no process 67108863");
}

extern "C" __attribute__((noinline)) int ebl_test_probed_function(int value) {
  asm volatile("" ::: "memory");
  return value + 1;
}

TEST_F(Attach, uprobe_by_symbol_in_this_program) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (const char* kind : {"uprobe", "uretprobe"}) {
    TestProgram test(kind, {.cookie = true});
    const ProbeSpec spec =
        spec_of(fmt::format("{}:{}:ebl_test_probed_function", kind, self));
    ASSERT_EQ(load(test, spec), 0);
    Result<Link> link = attach(test.program(), spec, {.pid = ::getpid(), .cookie = 7});
    ASSERT_ATTACHED(link);
    int sum = 0;
    for (int i = 0; i < 30; i++) sum += ebl_test_probed_function(i);
    EXPECT_EQ(sum, 465);
    EXPECT_EQ(test.runs(), 30u) << kind;
    EXPECT_EQ(test.counts().cookie, 7u);
    link->close();
    ebl_test_probed_function(1);
    EXPECT_EQ(test.runs(), 30u);
  }
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

TEST_F(Attach, options_that_a_kind_does_not_have_are_refused) {
  TestProgram test("tracepoint");
  ASSERT_EQ(test.load(), 0);
  const ProbeSpec spec = spec_of("tracepoint:syscalls:sys_enter_getpgid");
  const struct {
    Options options;
    const char *message, *hint;
  } rows[] = {
      {{.pid = 1}, "tracepoint has no option pid", "pid is for uprobe, uretprobe, perf"},
      {{.cpu = 0}, "tracepoint has no option cpu", "cpu is for perf, interval"},
      {{.replace = true}, "tracepoint has no option replace", "replace is for xdp"},
  };
  for (const auto& row : rows) {
    const Result<Link> link = attach(test.program(), spec, row.options);
    ASSERT_FALSE(link);
    EXPECT_EQ(link.error().code, Code::invalid);
    EXPECT_EQ(link.error().message, row.message);
    EXPECT_EQ(link.error().hint, row.hint);
  }
  const Result<Link> cookie = attach(test.program(), spec_of("xdp:lo"), {.cookie = 1});
  ASSERT_FALSE(cookie);
  EXPECT_EQ(
      cookie.error().hint,
      "cookie is for tracepoint, raw_tracepoint, tp_btf, kprobe, kretprobe, fentry, "
      "fexit, uprobe, uretprobe, perf, interval");
}

TEST_F(Attach, a_program_of_another_type_is_refused) {
  TestProgram test("tracepoint");
  const Result<void> prepared = prepare(test.program(), spec_of("kprobe:vfs_read"));
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

TEST(CpuList, is_parsed) {
  EXPECT_EQ(parse_cpu_list("0-3,5\n"), (std::vector<int>{0, 1, 2, 3, 5}));
  EXPECT_EQ(parse_cpu_list("7"), (std::vector<int>{7}));
  EXPECT_TRUE(parse_cpu_list("").empty());
}

}  // namespace
}  // namespace ebl::attach
