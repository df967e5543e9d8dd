#include "load/program.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstddef>

#include "load/log_capture.h"

namespace ebl::load {

std::optional<std::uint64_t> recursion_misses(int program_fd) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(bpf_prog_info, recursion_misses) + sizeof(info.recursion_misses))
    return std::nullopt;
  return info.recursion_misses;
}

Result<void> set_type(Program program, const std::string& section) {
  const LogCapture quiet;
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  bpf_attach_type attach_type = {};
  // Names with a target ("kprobe/FUNCTION") are known by what stands before it.
  const bool known =
      libbpf_prog_type_by_name(section.c_str(), &type, &attach_type) == 0 ||
      libbpf_prog_type_by_name((section + "/").c_str(), &type, &attach_type) == 0;
  if (!known)
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = "SEC(\"" + section + "\") gives a program no type"};
  bpf_program__set_type(program.handle, type);
  bpf_program__set_expected_attach_type(program.handle, attach_type);
  return {};
}

std::span<const std::byte> instructions(const Program& program) {
  const auto* first =
      reinterpret_cast<const std::byte*>(bpf_program__insns(program.handle));
  return {first, bpf_program__insn_cnt(program.handle) * sizeof(bpf_insn)};
}

Result<UniqueFd> count_runs() {
  UniqueFd fd(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (fd.get() >= 0) return fd;
  return Error{.stage = Stage::load,
               .code = Code::not_supported,
               .message = "the kernel does not count runs: " + errno_text(errno)};
}

Result<RunStatistics> run_statistics(int program_fd) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (const int failure = bpf_obj_get_info_by_fd(program_fd, &info, &size); failure != 0)
    return Error{
        .stage = Stage::load,
        .code = Code::io,
        .message = "cannot read a program's statistics: " + errno_text(-failure)};
  return RunStatistics{.runs = info.run_cnt, .nanoseconds = info.run_time_ns};
}

}  // namespace ebl::load
