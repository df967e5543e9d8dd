// kprobe:FUNCTION[+OFFSET] and kretprobe:FUNCTION. One function by the kernel's kprobe
// perf unit; patterns by kprobe.multi, and where the kernel has none, one by one.
#include "attach/kprobe.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "attach/function_set.h"
#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kprobe_multi.h"
#include "attach/maxactive.h"
#include "attach/perf_event.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kprobe_sections[] = {"kprobe", "kprobe.multi"};
constexpr std::string_view kretprobe_sections[] = {"kretprobe", "kretprobe.multi"};

constexpr std::uint64_t return_probe = 1;  // bit 0 of the unit's config

Result<ProbeSpec> parse_return(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_functions(rest, std::move(spec));
  if (parsed && parsed->offset != 0)
    return malformed("the return of a function has no offset");
  return parsed;
}

bool at_return(const ProbeSpec& place) {
  return place.kind == Kind::kretprobe;
}

/// The place is `function` + `offset`, or with a null function the address `offset`.
UniqueFd open_probe(std::uint32_t unit, bool at_return, const char* function,
                    std::uint64_t offset) {
  perf_event_attr attr = {};
  attr.type = unit;
  attr.config = at_return ? return_probe : 0;
  attr.kprobe_func = reinterpret_cast<std::uintptr_t>(function);
  attr.probe_offset = offset;  // the same member as the address
  return open_perf_event(attr, -1, 0);
}

/// `spec` is the user's, `place` where that is in this kernel.
Error refused(const ProbeSpec& spec, const ProbeSpec& place, int error) {
  if (error == EINVAL)
    if (std::optional<Error> why = why_refused(spec, place.target)) return *why;
  if (error == EILSEQ || error == EINVAL)
    return attach_error(
        Code::not_supported,
        fmt::format("the kernel refuses {}: {}", spec.text(), errno_text(error)),
        spec.offset
            ? "the offset must be the start of an instruction"
            : "the function is excluded from probing (notrace, noinstr): probe one "
              "that calls it");
  return attach_errno(spec, error, {Capability::perfmon});
}

/// Whether an errno is about the function and not about us.
bool blames_the_function(int error) {
  return error == EINVAL || error == EILSEQ || error == ENOENT ||
         error == EADDRNOTAVAIL || error == EOPNOTSUPP || error == EEXIST;
}

Holding attach_each(load::Program program, std::uint32_t unit,
                    std::span<const KernelFunction> functions, const ProbeSpec& place,
                    const ProbeSpec& spec, const Options& options) {
  make_room_for_probes(functions.size());
  std::vector<PerfPlace> places;
  int error = 0;
  for (const KernelFunction& function : functions) {
    if (Result<void> going_on = unless_interrupted(spec, options); !going_on) {
      close_events_in_background(std::move(places));
      return going_on.take_error();
    }
    UniqueFd event = open_probe(unit, at_return(place), nullptr, function.address);
    if (event) {
      places.push_back({std::move(event), cookie_at(function, options)});
      continue;
    }
    error = errno;
    if (!blames_the_function(error)) return refused(spec, place, error);
  }
  if (places.empty()) return refused(spec, place, error);
  const FunctionCount count{.attached = places.size(),
                            .left_out = functions.size() - places.size()};
  return attach_to_places(program, std::move(places), spec, count);
}

Result<std::uint32_t> kprobe_unit(const ProbeSpec& spec) {
  if (const auto unit = perf_unit("kprobe")) return *unit;
  if (!std::filesystem::exists("/sys/bus/event_source/devices"))
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: sysfs is not mounted", short_text(spec)),
        "mount -t sysfs sysfs /sys");
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: this kernel was built without kprobes "
                  "(CONFIG_KPROBES)",
                  short_text(spec)),
      "use a tracepoint, raw_tracepoint or tp_btf near it" +
          (is_pattern(spec.target) ? "" : ", or fentry:" + spec.target));
}

bool is_multi(load::Program program) {
  return bpf_program__expected_attach_type(program.handle) == BPF_TRACE_KPROBE_MULTI;
}

Holding attach_one(load::Program program, std::uint32_t unit, const ProbeSpec& place,
                   const ProbeSpec& spec, const Options& options) {
  const auto open = [&](const std::string& function) {
    const std::string name =
        place.category.empty() ? function : place.category + ":" + function;
    return open_probe(unit, at_return(place), name.c_str(), place.offset);
  };
  UniqueFd event = open(place.target);
  // The kernel's own answer first: reading kallsyms takes longer than all the rest.
  if (!event && (errno == ENOENT || errno == EADDRNOTAVAIL)) {
    const Result<std::vector<KernelFunction>> functions = find_functions(place);
    if (!functions) return functions.error();
    if (functions->size() > 1 && place.offset == 0)  // several of the same name
      return attach_each(program, unit, *functions, place, spec, options);
    event = open(functions->front().name);
  }
  if (!event) return refused(spec, place, errno);
  std::vector<PerfPlace> places;
  places.push_back({std::move(event), options.cookie.value_or(0)});
  return attach_to_places(program, std::move(places), spec);
}

/// The function's name as it is in this kernel, looked up first: a keeper cannot tell
/// that it was the name that was wrong.
Holding attach_one_with_maxactive(load::Program program, const ProbeSpec& place,
                                  const ProbeSpec& spec, const Options& options) {
  const Result<std::vector<KernelFunction>> functions = find_functions(place);
  if (!functions) return functions.error();
  const KernelFunction& function = functions->front();
  return attach_with_maxactive(
      program,
      function.module.empty() ? function.name : function.module + ":" + function.name,
      spec, options);
}

Holding attach_kprobe(load::Program program, const ProbeSpec& spec,
                      const Options& options) {
  return attach_kprobe_at(program, spec, spec, options);
}

}  // namespace

Result<void> prepare_kprobe(load::Program program, const ProbeSpec& spec) {
  const bool written_so = is_multi(program);  // SEC("kprobe.multi/…")
  if (!written_so && !is_pattern(spec.target)) return {};
  const bool multi = spec.offset == 0 && has_kprobe_multi(BPF_TRACE_KPROBE_MULTI);
  bpf_program__set_expected_attach_type(
      program.handle, multi ? BPF_TRACE_KPROBE_MULTI : bpf_attach_type{});
  return {};
}

Holding attach_kprobe_at(load::Program program, const ProbeSpec& place,
                         const ProbeSpec& spec, const Options& options) {
  const bool many = is_pattern(place.target), multi = is_multi(program);
  if (options.maxactive && (many || multi))
    return attach_error(
        Code::invalid,
        fmt::format("{} has no maxactive: that is for one function", short_text(spec)),
        "attach to one function, or leave out the option maxactive");
  if (multi && place.offset != 0)
    return attach_error(
        Code::invalid,
        fmt::format("program {} was loaded for many functions and cannot be attached to "
                    "{}, inside one",
                    program.name(), spec.text()),
        "attach it to that place first, or load the object a second time");
  if (many || multi) {
    if (!multi)
      if (const auto unit = kprobe_unit(spec); !unit) return unit.error();
    const Result<std::vector<KernelFunction>> functions = find_functions(place);
    if (!functions) return functions.error();
    if (multi)
      return attach_multi(program, BPF_TRACE_KPROBE_MULTI, at_return(place), *functions,
                          spec, options);
    return attach_each(program, *kprobe_unit(spec), *functions, place, spec, options);
  }
  const Result<std::uint32_t> unit = kprobe_unit(spec);
  if (!unit) return unit.error();
  if (options.maxactive) return attach_one_with_maxactive(program, place, spec, options);
  return attach_one(program, *unit, place, spec, options);
}

constinit const KindInfo kprobe_kind = {
    .kind = Kind::kprobe,
    .word = "kprobe",
    .form =
        "kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
        "kprobe:vfs_read or kprobe:tcp_*",
    .sections = kprobe_sections,
    .options = {.cookie = true, .cookies = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_functions,
    .text = functions_text,
    .section_text = nullptr,
    .prepare = prepare_kprobe,
    .attach = attach_kprobe,
};

constinit const KindInfo kretprobe_kind = {
    .kind = Kind::kretprobe,
    .word = "kretprobe",
    .form = "kretprobe:FUNCTION or kretprobe:PATTERN, as in kretprobe:vfs_read",
    .sections = kretprobe_sections,
    .options = {.cookie = true, .cookies = true, .maxactive = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_return,
    .text = functions_text,
    .section_text = nullptr,
    .prepare = prepare_kprobe,
    .attach = attach_kprobe,
    .kept = [] { return "kretprobe with maxactive"sv; },
};

}  // namespace ebl::attach
