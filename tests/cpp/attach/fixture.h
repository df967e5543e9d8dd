// What the attach tests share. Each test makes the event happen and reads what the
// program counted; it skips only by what the kernel itself said.
#pragma once

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "test_program.h"

namespace ebl::attach {

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

// Loads a program that asks for its cookie, for which some kernels have no helper.
#define LOAD_WITH_COOKIE(test, spec)                                         \
  do {                                                                       \
    const int error = load(test, spec);                                      \
    if (error == EINVAL)                                                     \
      GTEST_SKIP() << "load of a program that calls bpf_get_attach_cookie: " \
                   << errno_text(error);                                     \
    ASSERT_EQ(error, 0);                                                     \
  } while (false)

class Attach : public ::testing::Test {
 protected:
  void SetUp() override {
    UniqueFd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "try", 4, 8, 1, nullptr));
    if (!map) GTEST_SKIP() << "bpf(): " << errno_text(errno);
  }

  /// Loads for that spec; the errno of the kernel, 0 when it went well.
  static int load(TestProgram& test, const ProbeSpec& spec) {
    const Result<UniqueFd> prepared = prepare(test.program(), spec);
    if (!prepared) throw std::runtime_error(prepared.error().message);
    return test.load();
  }
};

inline TestProgram::Shape own(bool cookie = false) {
  return {.cookie = cookie, .only_tgid = ::getpid()};
}

// A system call that nothing else makes in this process.
inline void make_event(int times = 1) {
  for (int i = 0; i < times; i++) ::syscall(SYS_getpgid, 0);
}

}  // namespace ebl::attach
