#include "load/load_error.h"

#include <array>
#include <cerrno>
#include <utility>

#include "base/permissions.h"
#include "load/line_info.h"
#include "load/missing_kind.h"
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
          .code = Code::verifier,
          .message = "the verifier refused program '" + program + "': " + why.sentence,
          .hint = why.remedy,
          .notes = why.notes,
          .detail = failure.verifier_log,
          .location = why.location};
}

bool has_relocation_failure(const std::string& log) {
  return log.find("failed to resolve CO-RE relocation") != std::string::npos ||
         log.find("invalid func unknown#195896080") != std::string::npos;
}

}  // namespace

Error load_error(const LoadFailure& failure) {
  const std::string program = quoted_after(failure.libbpf_log, "prog '");
  const std::string map = quoted_after(failure.libbpf_log, "map '");
  Error error{.stage = Stage::load, .code = Code::invalid, .detail = failure.libbpf_log};

  if (has_relocation_failure(failure.libbpf_log + failure.verifier_log)) {
    error.code = Code::not_supported;
    error.message =
        "program '" + program + "' reads a kernel field that this kernel lacks";
    error.hint =
        "test for it first with bpf_core_field_exists(); -v names the relocation";
    error.detail += failure.verifier_log;
    return error;
  }
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
  error.message = "cannot load " + what + ": " + errno_text(failure.error_number);
  if (failure.error_number == EINVAL && failure.opened) {
    const std::string missing = missing_kind(failure.opened, program, map);
    if (!missing.empty()) {
      error.code = Code::not_supported;
      error.message += "; this kernel has no " + missing;
    }
  }
  return error;
}

}  // namespace ebl::load
