// tracepoint:CATEGORY:EVENT, a static event of the kernel, with the record of tracefs'
// format file as its context.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"
#include "attach/tracepoint.h"
#include "base/mounts.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"tracepoint", "tp"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return malformed("a tracepoint has two names");
  spec.category = rest.substr(0, colon);
  spec.target = rest.substr(colon + 1);
  for (const std::string& name : {spec.category, spec.target})
    if (!is_name(name, "-")) return malformed(fmt::format("'{}' is not a name", name));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.category + ":" + spec.target;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.is_directory(error)) names.push_back(entry.path().filename());
  return names;
}

/// Says which of the two names is wrong, and where the event may have been meant.
Error missing(const std::string& events, const ProbeSpec& spec) {
  Error error = attach_error(Code::not_found, fmt::format("there is no {}", spec.text()));
  const std::vector<std::string> categories = names_in(events);
  for (const std::string& category : categories) {
    if (!std::filesystem::exists(events + "/" + category + "/" + spec.target)) continue;
    error.hint = fmt::format("did you mean tracepoint:{}:{}?", category, spec.target);
    return error;
  }
  if (std::filesystem::exists(events + "/" + spec.category))
    error.hint = did_you_mean(spec.target, names_in(events + "/" + spec.category));
  else
    error.hint = did_you_mean(spec.category, categories);
  if (error.hint.empty()) error.hint = "ebpf-lua -l 'tracepoint:*' shows what there is";
  return error;
}

Result<std::uint64_t> event_id(const ProbeSpec& spec) {
  const Result<std::string> tracefs = ensure_mounted("tracefs", "/sys/kernel/tracing");
  if (!tracefs) return tracefs.error();
  if (const auto id = tracepoint_id(*tracefs, spec.category, spec.target)) return id;
  const std::string events = *tracefs + "/events";
  std::error_code error;
  if (!std::filesystem::exists(events, error))
    return explain_permission(Stage::attach, "read " + events, EACCES, {});
  return missing(events, spec);
}

Holding attach_tracepoint(load::Program program, const ProbeSpec& spec,
                          const Options& options) {
  const Result<std::uint64_t> id = event_id(spec);
  if (!id) return id.error();
  std::vector<UniqueFd> events;
  events.push_back(open_tracepoint(*id));
  if (!events.back()) return attach_errno(spec, errno, {Capability::perfmon});
  return attach_to_events(program, std::move(events), spec, options);
}

}  // namespace

std::uint64_t tracepoint_id(const std::string& tracefs, const std::string& category,
                            const std::string& event) {
  std::ifstream file(tracefs + "/events/" + category + "/" + event + "/id");
  std::uint64_t id = 0;
  file >> id;
  return id;
}

UniqueFd open_tracepoint(std::uint64_t id) {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = id;
  attr.sample_period = 1;
  return open_perf_event(attr, -1, 0);
}

constinit const KindInfo tracepoint_kind = {
    .kind = Kind::tracepoint,
    .word = "tracepoint",
    .form = "tracepoint:CATEGORY:EVENT, as in tracepoint:sched:sched_switch",
    .sections = sections,
    .options = {.cookie = true},
    .type = BPF_PROG_TYPE_TRACEPOINT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = slashes_to_colons,
    .prepare = nullptr,
    .attach = attach_tracepoint,
};

}  // namespace ebl::attach
