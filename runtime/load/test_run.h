// Test run: the kernel runs a loaded program once or more on input that the caller gives
// (BPF_PROG_TEST_RUN), with nothing attached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "load/program.h"

namespace ebl::load {

struct TestRunInput {
  std::vector<std::byte> data;  ///< the packet, for programs that get one
  /// The context: struct __sk_buff, xdp_md, bpf_sk_lookup, bpf_nf..., the arguments of a
  /// raw tracepoint (eight bytes each), or the argument of a "syscall" program.
  std::vector<std::byte> context;
  std::uint32_t times = 1;  ///< at least 1
};

struct TestRunOutput {
  std::uint32_t return_value = 0;  ///< of the last run
  std::vector<std::byte> data;     ///< the packet afterwards; a flow dissector's keys
  std::vector<std::byte> context;  ///< afterwards, where the kernel gives it back
  /// Average of one run, in nanoseconds; none where the kernel does not measure it.
  std::optional<std::uint32_t> duration;
};

/// Code::not_supported for a program type that the kernel cannot run this way, such as
/// kprobe; Code::invalid for input that does not suit the type. The program must be
/// loaded.
Result<TestRunOutput> test_run(const Program& program, TestRunInput input);

}  // namespace ebl::load
