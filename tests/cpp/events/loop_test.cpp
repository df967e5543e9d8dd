// The loop on pipes, with a clock: pacing, time limits, signals. No kernel program is
// needed.
#include "events/loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "events/signals.h"
#include "patience.h"

namespace ebl::events {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::int64_t kMillisecond = 1'000'000;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void put() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void drain() {
    char buffer[64];
    EXPECT_GT(::read(ends[0], buffer, sizeof(buffer)), 0);
  }
  int ends[2];
};

TEST(EventLoop, ends_at_its_time_limit) {
  Result<EventLoop> loop = EventLoop::create();
  ASSERT_TRUE(loop);
  std::array<int, 4> ready;
  const auto begin = Clock::now();
  EXPECT_EQ(loop->wait(20 * kMillisecond, ready), 0);
  EXPECT_GE(Clock::now() - begin, 19ms);
}

TEST(EventLoop, reports_the_first_record_at_once_and_a_burst_once_an_interval) {
  Result<EventLoop> loop = EventLoop::create();
  ASSERT_TRUE(loop);
  Pipe pipe;
  const auto interval = 50ms * test::patience();
  Result<int> source =
      loop->add(pipe.ends[0], std::chrono::nanoseconds(interval).count());
  ASSERT_TRUE(source);
  std::array<int, 4> ready;

  pipe.put();
  auto begin = Clock::now();
  ASSERT_EQ(loop->wait(100'000 * kMillisecond, ready), 1);
  EXPECT_EQ(ready[0], *source);
  EXPECT_LT(Clock::now() - begin, interval / 2);
  pipe.drain();

  pipe.put();  // within the interval: left alone until that has passed
  begin = Clock::now();
  ASSERT_EQ(loop->wait(100'000 * kMillisecond, ready), 1);
  EXPECT_GE(Clock::now() - begin, interval / 2);
  pipe.drain();
}

TEST(EventLoop, a_source_without_pacing_is_reported_every_time) {
  Result<EventLoop> loop = EventLoop::create();
  ASSERT_TRUE(loop);
  Pipe pipe;
  ASSERT_TRUE(loop->add(pipe.ends[0], 0));
  std::array<int, 4> ready;
  pipe.put();
  for (int i = 0; i < 3; i++) EXPECT_EQ(loop->wait(1000 * kMillisecond, ready), 1);
}

TEST(EventLoop, a_removed_source_is_silent_and_its_number_used_again) {
  Result<EventLoop> loop = EventLoop::create();
  ASSERT_TRUE(loop);
  Pipe pipe;
  Result<int> first = loop->add(pipe.ends[0], kMillisecond);
  ASSERT_TRUE(first);
  pipe.put();
  loop->remove(*first);
  std::array<int, 4> ready;
  EXPECT_EQ(loop->wait(5 * kMillisecond, ready), 0);
  Result<int> second = loop->add(pipe.ends[0], kMillisecond);
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(loop->wait(5 * kMillisecond, ready), 1);
}

TEST(EventLoop, a_signal_ends_the_wait_until_it_is_answered) {
  ASSERT_TRUE(install_signal_handlers());
  Result<EventLoop> loop = EventLoop::create();
  ASSERT_TRUE(loop);
  std::thread later([] {
    std::this_thread::sleep_for(10ms);
    ::kill(::getpid(), SIGTERM);
  });
  std::array<int, 4> ready;
  EXPECT_EQ(loop->wait(100'000 * kMillisecond, ready), -EINTR);
  later.join();
  EXPECT_TRUE(signal_pending());
  EXPECT_EQ(take_signal(), SIGTERM);
  EXPECT_FALSE(signal_pending());
  EXPECT_EQ(loop->wait(kMillisecond, ready), 0);
}

TEST(Signals, a_second_interrupt_without_an_answer_ends_the_process) {
  EXPECT_EXIT(
      {
        (void)install_signal_handlers();
        ::kill(::getpid(), SIGINT);
        ::usleep(100'000);  // later than one request may repeat itself
        ::kill(::getpid(), SIGINT);
        ::sleep(5);
      },
      testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace ebl::events
