#include "load/load_error.h"

#include <array>
#include <cerrno>
#include <utility>

#include "base/permissions.h"
#include "load/line_info.h"

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
  VerifierReason reason = verifier_reason(failure.verifier_log);
  if (reason.instruction) {
    // The object's own line information: the same on every kernel, with the column.
    const LineTable lines = LineTable::read(failure.elf);
    if (auto line = lines.find(program, *reason.instruction)) {
      reason.location = std::move(line->location);
      if (!line->text.empty()) reason.source = std::move(line->text);
    }
  }
  Error error{.stage = Stage::load, .code = Code::verifier};
  error.message = "the verifier refused program '" + program + "': " + reason.reason;
  if (!reason.source.empty()) error.message += ", at `" + reason.source + "`";
  error.hint = verifier_hint(reason.reason);
  error.detail = failure.verifier_log;
  error.location = reason.location;
  return error;
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
  const VerifierReason reason = verifier_reason(failure.verifier_log);
  if (!program.empty() && !reason.reason.empty())
    return refused_by_verifier(failure, program);

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
  return error;
}

}  // namespace ebl::load
