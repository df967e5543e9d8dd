// perf:EVENT:99hz and perf:EVENT:10000: a program at every so many events, or so many
// times a second, on all CPUs, one CPU, or in one process.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"perf"};

struct EventName {
  std::string_view name;
  std::uint32_t type;
  std::uint64_t config;
};

/// A hardware cache event: which cache, 0 read or 1 write, 0 access or 1 miss.
constexpr std::uint64_t cache(std::uint64_t which, std::uint64_t operation,
                              std::uint64_t result) {
  return which | operation << 8 | result << 16;
}

// The names are those of perf list.
constexpr EventName events[] = {
    {"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
    {"cgroup-switches", PERF_TYPE_SOFTWARE, 11},  // PERF_COUNT_SW_CGROUP_SWITCHES, 5.13
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"stalled-cycles-frontend", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"L1-dcache-loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, 0, 0)},
    {"L1-dcache-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, 0, 1)},
    {"L1-icache-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1I, 0, 1)},
    {"LLC-loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, 0, 0)},
    {"LLC-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, 0, 1)},
    {"LLC-stores", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, 1, 0)},
    {"LLC-store-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, 1, 1)},
    {"dTLB-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, 0, 1)},
    {"iTLB-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_ITLB, 0, 1)},
};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  const std::string_view name = rest.substr(0, colon);
  if (std::ranges::find(events, name, &EventName::name) == std::end(events)) {
    const std::string near = did_you_mean(name, perf_event_names());
    return malformed(fmt::format("'{}' is not a perf event{}{}", name,
                                 near.empty() ? "" : "; ", near));
  }
  spec.target = name;
  if (colon == std::string_view::npos)
    return malformed(
        "how often is missing: a frequency (99hz) or a count of events (10000)");
  std::string_view often = rest.substr(colon + 1);
  const bool frequency = often.ends_with("hz");
  if (frequency) often.remove_suffix(2);
  const Result<std::uint64_t> number = parse_number(often);
  if (!number) return number.error();
  if (*number == 0) return malformed("it must happen more often than 0");
  (frequency ? spec.frequency : spec.period) = *number;
  return spec;
}

std::string text(const ProbeSpec& spec) {
  if (spec.frequency) return fmt::format("{}:{}hz", spec.target, spec.frequency);
  return fmt::format("{}:{}", spec.target, spec.period);
}

Error refused(const ProbeSpec& spec, const EventName& event, int error) {
  const bool hardware = event.type != PERF_TYPE_SOFTWARE;
  if (hardware && (error == ENOENT || error == EOPNOTSUPP || error == ENODEV))
    return attach_error(
        Code::not_supported,
        fmt::format("{}: this machine has no hardware counter for {} ({})", spec.text(),
                    spec.target, errno_text(error)),
        "virtual machines often have none: use perf:cpu-clock");
  if (error == EINVAL && spec.frequency) {
    std::ifstream file("/proc/sys/kernel/perf_event_max_sample_rate");
    std::uint64_t most = 0;
    if (file >> most && spec.frequency > most)
      return attach_error(Code::invalid,
                          fmt::format("{}: this kernel samples {} times a second at most",
                                      spec.text(), most),
                          "sysctl kernel.perf_event_max_sample_rate is the limit");
  }
  if (error == ENOENT || error == EINVAL || error == EOPNOTSUPP)
    return attach_error(Code::not_supported, fmt::format("this kernel refuses {}: {}",
                                                         spec.text(), errno_text(error)));
  if (error == EMFILE)
    return attach_error(
        Code::io,
        fmt::format("{}: out of file descriptors: it takes one a CPU or thread",
                    spec.text()),
        "raise ulimit -n, or choose one CPU");
  return attach_errno(spec, error, {Capability::perfmon});
}

Holding attach_perf(load::Program program, const ProbeSpec& spec,
                    const Options& options) {
  const EventName& event = *std::ranges::find(events, spec.target, &EventName::name);
  perf_event_attr attr = {};
  attr.type = event.type;
  attr.config = event.config;
  attr.freq = spec.frequency != 0;
  attr.sample_period = spec.frequency ? spec.frequency : spec.period;  // or sample_freq

  Result<std::vector<UniqueFd>> fds = open_perf_events(
      attr, options, [&](int error) { return refused(spec, event, error); });
  if (!fds) return fds.error();
  return attach_to_events(program, std::move(*fds), spec, options);
}

}  // namespace

std::vector<std::string> perf_event_names() {
  std::vector<std::string> names;
  for (const EventName& event : events) names.emplace_back(event.name);
  std::ranges::sort(names);
  return names;
}

constinit const KindInfo perf_kind = {
    .kind = Kind::perf,
    .word = "perf",
    .form = "perf:EVENT:FREQUENCYhz or perf:EVENT:COUNT, as in perf:cpu-clock:99hz",
    .sections = sections,
    .options = {.pid = true, .cpu = true, .cookie = true},
    .type = BPF_PROG_TYPE_PERF_EVENT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = slashes_to_colons,
    .prepare = nullptr,
    .attach = attach_perf,
};

}  // namespace ebl::attach
