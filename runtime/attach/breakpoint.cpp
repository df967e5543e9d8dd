// breakpoint:ADDRESS:w4 and breakpoint:SYMBOL:w4: a program at each access to a few bytes
// of memory, by the processor's debug registers: of the kernel, or with pid of a process.
// There are four of them on x86.
#include <fmt/format.h>
#include <linux/hw_breakpoint.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"
#include "symbols/kernel.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"breakpoint"};

struct Access {
  std::string_view word;
  std::uint32_t type;
};
// x86 cannot watch reads alone.
constexpr Access accesses[] = {{"w", HW_BREAKPOINT_W},
                               {"rw", HW_BREAKPOINT_RW},
                               {"r", HW_BREAKPOINT_R},
                               {"x", HW_BREAKPOINT_X}};

/// "w4" as a type and a length; "x" has none.
Result<ProbeSpec> parse_access(std::string_view text, ProbeSpec spec) {
  const std::size_t digits = text.find_first_of("0123456789");
  const std::string_view word = text.substr(0, digits);
  for (const Access& access : accesses) {
    if (access.word != word) continue;
    spec.category = word;
    if (access.type == HW_BREAKPOINT_X)
      return digits == std::string_view::npos
                 ? Result<ProbeSpec>(std::move(spec))
                 : malformed("execution is watched at one address: x has no length");
    const std::string_view length =
        digits == std::string_view::npos ? "" : text.substr(digits);
    if (length != "1" && length != "2" && length != "4" && length != "8")
      return malformed(fmt::format("'{}': the length is 1, 2, 4 or 8 bytes", text));
    spec.period = static_cast<std::uint64_t>(length[0] - '0');
    return spec;
  }
  return malformed(fmt::format("'{}' is not r, w, rw with a length, or x", text));
}

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos)
    return malformed("a place and what to watch for (w4) are wanted");
  const std::string_view place = rest.substr(0, colon);
  if (!place.empty() && place[0] >= '0' && place[0] <= '9') {
    const Result<std::uint64_t> address = parse_number(place);
    if (!address) return address.error();
    spec.address = *address;
  } else if (!is_name(place)) {
    return malformed(fmt::format("'{}' is no address and no symbol", place));
  } else {
    spec.target = place;
  }
  return parse_access(rest.substr(colon + 1), std::move(spec));
}

std::string text(const ProbeSpec& spec) {
  const std::string place =
      spec.target.empty() ? fmt::format("{:#x}", spec.address) : spec.target;
  return spec.period ? fmt::format("{}:{}{}", place, spec.category, spec.period)
                     : fmt::format("{}:{}", place, spec.category);
}

/// The address that is watched: the spec's, or that of a symbol of the kernel.
Result<std::uint64_t> address_of(const ProbeSpec& spec) {
  if (spec.target.empty()) return spec.address;
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (!kernel) return kernel.error();
  const auto symbol = (*kernel)->find(spec.target);
  if (symbol) return symbol->address;
  return attach_error(Code::not_found, fmt::format("{}: the kernel has no symbol '{}'",
                                                   spec.text(), spec.target));
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == ENOSPC)
    return attach_error(
        Code::io,
        fmt::format("{}: every debug register of the processor is in use", spec.text()),
        "close another breakpoint, or end a debugger");
  if (error == EINVAL && spec.category == "r")
    return attach_error(
        Code::not_supported,
        fmt::format("this machine cannot watch reads alone: {}", spec.text()),
        "watch rw");
  if (error == EINVAL)
    return attach_error(
        Code::invalid,
        fmt::format("the kernel refuses {}: {}", spec.text(), errno_text(error)),
        "the address must be a multiple of the length; one of user space needs the "
        "option pid");
  if (error == ENOENT || error == EOPNOTSUPP || error == ENODEV)
    return attach_error(Code::not_supported,
                        fmt::format("this machine has no breakpoints: {} ({})",
                                    spec.text(), errno_text(error)));
  return attach_errno(spec, error, {Capability::perfmon});
}

Holding attach_breakpoint(load::Program program, const ProbeSpec& spec,
                          const Options& options) {
  const Result<std::uint64_t> address = address_of(spec);
  if (!address) return address.error();
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.sample_period = 1;
  attr.bp_addr = *address;
  attr.bp_type =
      std::ranges::find(accesses, std::string_view(spec.category), &Access::word)->type;
  attr.bp_len = spec.period ? spec.period : sizeof(long);  // what the kernel asks of x
  Result<std::vector<UniqueFd>> events =
      open_perf_events(attr, options, [&](int error) { return refused(spec, error); });
  if (!events) return events.error();
  return attach_to_events(program, std::move(*events), spec, options);
}

}  // namespace

constinit const KindInfo breakpoint_kind = {
    .kind = Kind::breakpoint,
    .word = "breakpoint",
    .form =
        "breakpoint:ADDRESS:ACCESS or breakpoint:SYMBOL:ACCESS, as in "
        "breakpoint:0x7ffd12345678:w4",
    .sections = sections,
    .options = {.pid = true, .cpu = true, .cookie = true},
    .type = BPF_PROG_TYPE_PERF_EVENT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = slashes_to_colons,
    .prepare = nullptr,
    .attach = attach_breakpoint,
};

}  // namespace ebl::attach
