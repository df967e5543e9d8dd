// How long a test may wait for what should happen soon. Emulated machines are slow, so no
// test has a time limit of its own: $EBPF_LUA_TEST_PATIENCE, a whole number, stretches
// all.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace ebl::test {

/// The factor: 1 where the variable is not set.
inline int patience() {
  const char* text = std::getenv("EBPF_LUA_TEST_PATIENCE");
  return text ? std::max(std::atoi(text), 1) : 1;
}

/// Calls `done` until it is true, for at most ten patient seconds; whether it became
/// true.
template <typename Condition>
bool eventually(Condition done) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(10) * patience();
  while (!done()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace ebl::test
