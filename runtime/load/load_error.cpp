#include "load/load_error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/permissions.h"
#include "load/line_info.h"
#include "load/map_error.h"
#include "load/missing_kind.h"
#include "load/symbol_error.h"
#include "load/verifier_explanation.h"

namespace ebl::load {
namespace {

/// The program that libbpf was loading: "prog 'NAME': failed to load" or "…BPF program
/// load failed".
std::string quoted_after(std::string_view text, std::string_view prefix) {
  const std::size_t at = text.rfind(prefix);
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + prefix.size();
  return std::string(text.substr(begin, text.find('\'', begin) - begin));
}

Error refused_by_verifier(const LoadFailure& failure, const std::string& program) {
  // The object's own line information: the same on every kernel, with the column.
  const LineTable lines = LineTable::read(failure.elf);
  const VerifierExplanation why = explain_verifier_log(
      failure.verifier_log,
      [&](std::size_t instruction) { return lines.find(program, instruction); });
  return {.stage = Stage::load,
          .code = why.kernel_lacks_it ? Code::not_supported : Code::verifier,
          .message = "the verifier refused program '" + program + "': " + why.sentence,
          .hint = why.remedy,
          .notes = why.notes,
          .detail = failure.verifier_log,
          .location = why.location};
}

/// A function for a struct_ops that no struct_ops has; nothing for any other error.
std::optional<Error> no_member(const LoadFailure& failure, const std::string& program) {
  constexpr int kNotSupported = 524;  // ENOTSUPP, of the kernel alone
  const bpf_program* found =
      failure.opened ? bpf_object__find_program_by_name(failure.opened, program.c_str())
                     : nullptr;
  if (!found || bpf_program__type(found) != BPF_PROG_TYPE_STRUCT_OPS ||
      failure.error_number != kNotSupported)
    return std::nullopt;
  return Error{
      .stage = Stage::load,
      .code = Code::invalid,
      .message = "program '" + program + "' is no member of a struct_ops map",
      .hint =
          "name it in one: SEC(\".struct_ops\") struct tcp_congestion_ops ops = { "
          ".ssthresh = (void *)" +
          program + ", … };",
      .detail = failure.libbpf_log};
}

/// Where the kernel says nothing but EINVAL or E2BIG.
std::optional<Error> silent_refusal(const LoadFailure& failure,
                                    const std::string& program) {
  Error error{.stage = Stage::load, .code = Code::invalid, .detail = failure.libbpf_log};
  constexpr std::size_t kMostMaps = 64, kMostInstructions = 1'000'000;
  if (failure.error_number == E2BIG && failure.maps.size() > kMostMaps) {
    error.message = "program '" + program + "' uses more than 64 maps";
    error.hint =
        "put what belongs together into one map (a struct as value), or into an "
        "array-of-maps";
    return error;
  }
  if (failure.error_number == E2BIG) {
    error.message = "program '" + program +
                    "' is too large: " + std::to_string(failure.instructions) +
                    " instructions, and " + std::to_string(kMostInstructions) +
                    " are the most (4096 without CAP_BPF)";
    error.hint = "loop instead of unrolling, or split it with bpf_tail_call()";
    return error;
  }
  return std::nullopt;
}

/// The kernel's last words about the object's BTF, which libbpf prints.
std::string refused_types(const std::string& log) {
  const std::size_t end = log.find("\n-- END BTF LOAD LOG");
  if (log.find("BTF loading error") == std::string::npos || end == std::string::npos)
    return "";
  const std::size_t begin = log.rfind('\n', end - 1) + 1;
  return log.substr(begin, end - begin);
}

}  // namespace

Error load_error(const LoadFailure& failure) {
  const std::string program = quoted_after(failure.libbpf_log, "prog '");
  const std::string map = quoted_after(failure.libbpf_log, "map '");
  if (auto missing = unresolved_name(failure, program)) return *std::move(missing);
  const std::string section =
      quoted_after(failure.libbpf_log, "check ELF section name '");
  if (!section.empty()) return unknown_section(program, section);
  if (auto misplaced = no_member(failure, program)) return *std::move(misplaced);
  if (!program.empty() && !failure.verifier_log.empty()) {
    Error refused = refused_by_verifier(failure, program);
    if (!refused.notes.empty()) return refused;
  }
  const std::string what = !program.empty() ? "program '" + program + "'"
                           : !map.empty()   ? "map '" + map + "'"
                                            : "'" + failure.object + "'";
  if (failure.error_number == EPERM || failure.error_number == EACCES) {
    static constexpr std::array kNeeded = {Capability::bpf, Capability::perfmon};
    Error refused =
        explain_permission(Stage::load, "load " + what, failure.error_number, kNeeded);
    refused.detail += failure.libbpf_log;
    return refused;
  }
  Error error{.stage = Stage::load, .code = Code::invalid, .detail = failure.libbpf_log};
  if (failure.error_number == EINVAL && failure.opened) {
    const std::string missing = missing_kind(failure.opened, program, map);
    if (!missing.empty()) {
      error.code = Code::not_supported;
      error.message = "cannot load " + what + ": " + errno_text(failure.error_number) +
                      "; this kernel has no " + missing;
      return error;
    }
  }
  const auto known = std::ranges::find(failure.maps, map, &Map::name);
  if (program.empty() && known != failure.maps.end()) {
    const MapMistake mistake = explain_map(*known, failure.error_number);
    error.message = "cannot create map '" + map + "': " + mistake.reason;
    error.hint = mistake.hint;
    return error;
  }
  if (!program.empty())
    if (auto refused = silent_refusal(failure, program)) return *std::move(refused);
  error.message = "cannot load " + what + ": " + errno_text(failure.error_number);
  if (const std::string reason = refused_types(failure.libbpf_log); !reason.empty())
    error.hint = "the kernel refuses the object's types (BTF): " + reason;
  return error;
}

}  // namespace ebl::load
