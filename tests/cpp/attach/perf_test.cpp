// Perf events and intervals on the running kernel.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "attach/perf_event.h"
#include "fixture.h"
#include "patience.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(Attach, interval_runs_on_the_clock_of_one_cpu) {
  TestProgram test("interval/20ms");
  const ProbeSpec spec = (*spec_of_section("interval/20ms")).value();
  ASSERT_EQ(load(test, spec), 0);
  const auto begin = std::chrono::steady_clock::now();
  const Result<Link> link = attach(test.program(), spec, {});
  ASSERT_ATTACHED(link);
  EXPECT_TRUE(test::eventually([&] { return test.runs() >= 10; })) << test.runs();
  // A busy machine skips ticks, but none comes early.
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_LE(test.runs(), 1 + elapsed / std::chrono::milliseconds(20));

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
  EXPECT_TRUE(test::eventually([&] { return test.runs() >= 20; })) << test.runs();
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
      // Mappings side by side become one, where a huge page would save 512 faults.
      ::madvise(const_cast<char*>(memory), pages * page, MADV_NOHUGEPAGE);
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
  ASSERT_TRUE(test::eventually([&] {  // the thread is there
    const std::filesystem::directory_iterator threads(
        fmt::format("/proc/{}/task", child));
    return std::ranges::distance(threads) == 2;
  }));
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

TEST_F(Attach, breakpoint_at_each_write_to_a_variable) {
  static volatile int watched[2];
  TestProgram test("perf_event", {.pid = true});
  const ProbeSpec spec = spec_of(
      fmt::format("breakpoint:{:#x}:w4", reinterpret_cast<std::uintptr_t>(&watched[0])));
  ASSERT_EQ(load(test, spec), 0);
  Result<Link> link = attach(test.program(), spec, {.pid = ::getpid()});
  ASSERT_ATTACHED(link);
  for (int i = 0; i < 10; i++) watched[0] = i;
  watched[1] = watched[0];  // beside it, and a read
  EXPECT_EQ(test.runs(), 10u);
  EXPECT_EQ(static_cast<int>(test.counts().pid_tgid >> 32), ::getpid());
  link->close();
  watched[0] = 1;
  EXPECT_EQ(test.runs(), 10u);
}

TEST_F(Attach, breakpoint_at_an_address_that_cannot_be_watched) {
  TestProgram test("perf_event");
  ASSERT_EQ(test.load(), 0);
  const Result<Link> odd =
      attach(test.program(), spec_of("breakpoint:0x1001:w4"), {.pid = ::getpid()});
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, HasSubstr("breakpoint:0x1001:w4"));
  const Result<Link> nothing =
      attach(test.program(), spec_of("breakpoint:no_such_symbol_at_all:w8"), {});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::not_found);
}

TEST_F(Attach, perf_hardware_counter) {
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
  ASSERT_ATTACHED(cycles);
  EXPECT_TRUE(test::eventually([&] { return test.runs() > 0; }));
}

TEST_F(Attach, perf_explains_a_missing_process_and_too_high_a_frequency) {
  TestProgram test("perf_event");
  ASSERT_EQ(test.load(), 0);
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

TEST(CpuList, is_parsed) {
  EXPECT_EQ(parse_cpu_list("0-3,5\n"), (std::vector<int>{0, 1, 2, 3, 5}));
  EXPECT_EQ(parse_cpu_list("7"), (std::vector<int>{7}));
  EXPECT_TRUE(parse_cpu_list("").empty());
}

}  // namespace
}  // namespace ebl::attach
