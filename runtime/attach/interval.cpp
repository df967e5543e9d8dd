// interval:1s, a program on one CPU's clock.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"interval"};

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
// Largest first: text() takes the largest that divides.
constexpr Unit units[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}};

constexpr std::uint64_t shortest = 10'000;  // the kernel rounds up to this

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const auto* unit = std::ranges::find(units, rest.substr(digits), &Unit::name);
  if (digits == 0 || unit == std::end(units))
    return malformed(fmt::format("'{}' is not a time", rest));
  const Result<std::uint64_t> number = parse_number(rest.substr(0, digits));
  if (!number) return number.error();
  if (__builtin_mul_overflow(*number, unit->nanoseconds, &spec.period))
    return malformed(fmt::format("{} does not fit into 64 bits of nanoseconds", rest));
  if (spec.period < shortest) return malformed("the shortest interval is 10us");
  return spec;
}

std::string text(const ProbeSpec& spec) {
  for (const Unit& unit : units)
    if (spec.period % unit.nanoseconds == 0)
      return fmt::format("{}{}", spec.period / unit.nanoseconds, unit.name);
  return fmt::format("{}us", spec.period / 1'000);
}

Holding attach_interval(load::Program program, const ProbeSpec& spec,
                        const Options& options) {
  const std::vector<int> cpus = online_cpus();
  const int cpu = options.cpu.value_or(cpus.empty() ? 0 : cpus.front());
  if (options.cpu && std::ranges::find(cpus, cpu) == cpus.end()) return no_such_cpu(cpu);
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = spec.period;
  std::vector<UniqueFd> events;
  events.push_back(open_perf_event(attr, -1, cpu));
  if (!events.back()) return attach_errno(spec, errno, {Capability::perfmon});
  return attach_to_events(program, std::move(events), spec, options);
}

}  // namespace

constinit const KindInfo interval_kind = {
    .kind = Kind::interval,
    .word = "interval",
    .form = "interval:TIME, as in interval:1s, interval:100ms or interval:500us",
    .sections = sections,
    .options = {.cpu = true, .cookie = true},
    .type = BPF_PROG_TYPE_PERF_EVENT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_interval,
};

}  // namespace ebl::attach
