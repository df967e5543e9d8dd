// kprobe:FUNCTION[+OFFSET] and kretprobe:FUNCTION, by the kernel's kprobe perf unit.
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kind.h"
#include "attach/perf_event.h"

namespace ebl::attach {
namespace {

constexpr std::string_view kprobe_sections[] = {"kprobe"};
constexpr std::string_view kretprobe_sections[] = {"kretprobe"};

constexpr std::uint64_t return_probe = 1;  // bit 0 of the unit's config

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_symbol(rest, std::move(spec));
  if (!parsed) return parsed;
  if (!is_name(parsed->target))
    return malformed(fmt::format("'{}' is not a function name", parsed->target));
  return parsed;
}

Result<ProbeSpec> parse_return(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse(rest, std::move(spec));
  if (parsed && parsed->offset != 0)
    return malformed("the return of a function has no offset");
  return parsed;
}

UniqueFd open_probe(std::uint32_t unit, const ProbeSpec& spec,
                    const std::string& function) {
  perf_event_attr attr = {};
  attr.type = unit;
  attr.config = spec.kind == Kind::kretprobe ? return_probe : 0;
  attr.kprobe_func = reinterpret_cast<std::uintptr_t>(function.c_str());
  attr.probe_offset = spec.offset;
  return open_perf_event(attr, -1, 0);
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == EILSEQ || error == EINVAL)
    return attach_error(
        Code::not_supported,
        fmt::format("the kernel refuses {}: {}", spec.text(), errno_text(error)),
        spec.offset
            ? "the offset must be the start of an instruction"
            : "the function is excluded from probing (noinstr, blacklist): probe one "
              "that calls it");
  return attach_errno(spec, error, {Capability::perfmon});
}

Holding attach_kprobe(load::Program program, const ProbeSpec& spec,
                      const Options& options) {
  const auto unit = perf_unit("kprobe");
  if (!unit && std::filesystem::exists("/sys/bus/event_source/devices"))
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: this kernel was built without kprobes "
                    "(CONFIG_KPROBES)",
                    spec.text()),
        "use a tracepoint, raw_tracepoint or tp_btf near it, or fentry:" + spec.target);
  if (!unit)
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: sysfs is not mounted", spec.text()),
        "mount -t sysfs sysfs /sys");
  UniqueFd event = open_probe(*unit, spec, spec.target);
  // The kernel's own answer first: reading kallsyms takes longer than all the rest.
  if (!event && (errno == ENOENT || errno == EADDRNOTAVAIL)) {
    const Result<std::string> function = resolve_kernel_function(spec);
    if (!function) return function.error();
    event = open_probe(*unit, spec, *function);
  }
  if (!event) return refused(spec, errno);
  std::vector<UniqueFd> events;
  events.push_back(std::move(event));
  return attach_to_events(program, std::move(events), spec, options);
}

}  // namespace

constinit const KindInfo kprobe_kind = {
    .kind = Kind::kprobe,
    .word = "kprobe",
    .form = "kprobe:FUNCTION or kprobe:FUNCTION+OFFSET, as in kprobe:vfs_read",
    .sections = kprobe_sections,
    .options = {.cookie = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse,
    .text = symbol_text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_kprobe,
};

constinit const KindInfo kretprobe_kind = {
    .kind = Kind::kretprobe,
    .word = "kretprobe",
    .form = "kretprobe:FUNCTION, as in kretprobe:vfs_read",
    .sections = kretprobe_sections,
    .options = {.cookie = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_return,
    .text = symbol_text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_kprobe,
};

}  // namespace ebl::attach
