// Program: a borrowed view of one program of an object file, before or after it is
// loaded.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "load/number_pool.h"

namespace ebl::load {

/// Borrowed: valid while the Object that gave it lives. `handle` is never null; `fd` is
/// -1 until the program is loaded.
struct Program {
  bpf_program* handle = nullptr;
  int fd = -1;
  bpf_object* object = nullptr;  ///< the opening that it belongs to
  /// Entries in use of the object's map of USDT arguments. Links copy the pointer, for
  /// they may outlive the object.
  const std::shared_ptr<NumberPool>* usdt_specs = nullptr;

  std::string name() const { return bpf_program__name(handle); }
  std::string section() const { return bpf_program__section_name(handle); }
};

/// The kernel's number of a loaded program.
Result<std::uint32_t> program_id(const Program& program);

/// Runs that the kernel skipped because the program was running already on that CPU, over
/// all its attachments. Nothing before Linux 5.12, which does not count them.
std::optional<std::uint64_t> recursion_misses(int program_fd);

/// Gives a program the type that the SEC() name `section` stands for ("xdp", "kprobe"),
/// before it is loaded. Code::invalid for a name that gives none.
Result<void> set_type(Program program, const std::string& section);

/// The instructions as they go to the kernel, once the object is loaded; before, as the
/// compiler left them. Borrowed like the program.
std::span<const std::byte> instructions(const Program& program);

/// What a program has cost while the kernel counted.
struct RunStatistics {
  std::uint64_t runs = 0;
  std::uint64_t nanoseconds = 0;
};

/// Makes the kernel count runs and their time, for all programs, while the descriptor is
/// open (about 20 ns a run). Code::not_supported before Linux 5.8.
Result<UniqueFd> count_runs();

/// Zeros where nobody has asked the kernel to count.
Result<RunStatistics> run_statistics(int program_fd);

}  // namespace ebl::load
