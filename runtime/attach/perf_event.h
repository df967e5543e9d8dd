// Perf events as the place where programs of several kinds sit: tracepoints, kprobes,
// uprobes, counters and clocks. Internal to attach/.
#pragma once

#include <linux/perf_event.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attach/kind.h"
#include "base/unique_fd.h"

namespace ebl::attach {

/// Empty, with errno, when the kernel refuses. `pid` -1: every process; `cpu` -1: every
/// CPU; not both.
UniqueFd open_perf_event(perf_event_attr attr, int pid, int cpu);

/// One event for each thread of options.pid, or for each CPU (options.cpu: for that one).
/// `refused` makes the Error of an errno that says no.
Result<std::vector<UniqueFd>> open_perf_events(
    const perf_event_attr& attr, const Options& options,
    const std::function<Error(int error)>& refused);

/// The type number of a perf unit of the kernel ("kprobe", "uprobe"); nullopt where this
/// kernel was built without it.
std::optional<std::uint32_t> perf_unit(const std::string& name);

/// One event that a program is attached to, and what bpf_get_attach_cookie() says there.
struct PerfPlace {
  UniqueFd event;
  std::uint64_t cookie = 0;  ///< 0: none, which every kernel can do
};

/// Closes events that were opened for nothing.
void close_events_in_background(std::vector<PerfPlace> places);

/// Attaches the program to events that nothing else uses, and enables them. `functions`
/// is what its link's info shall say.
Holding attach_to_places(load::Program program, std::vector<PerfPlace> places,
                         const ProbeSpec& spec,
                         std::optional<FunctionCount> functions = std::nullopt);

/// The same, with the cookie of the options at each.
Holding attach_to_events(load::Program program, std::vector<UniqueFd> events,
                         const ProbeSpec& spec, const Options& options);

/// Lets this process have as many descriptors as that many probes take, three each, as
/// far as it may.
void make_room_for_probes(std::size_t probes);

/// The CPUs that are on: /sys/devices/system/cpu/online.
std::vector<int> online_cpus();
Error no_such_cpu(int cpu);
/// The events of perf:EVENT, sorted.
std::vector<std::string> perf_event_names();
/// Parses "0-3,5".
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace ebl::attach
