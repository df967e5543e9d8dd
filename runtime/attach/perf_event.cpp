#include "attach/perf_event.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "attach/holders.h"

namespace ebl::attach {
namespace {

constexpr std::size_t most_threads = 32;

/// Detaching takes the kernel two waits, one for the program and one for the event.
/// libbpf would do both in one go; with a second descriptor of the event they come apart,
/// and close_all() can leave the second to somebody else.
class PerfHolder final : public Link::Holder {
 public:
  int fd() const override {
    return parts_.size() == 1 ? bpf_link__fd(parts_[0].link.get()) : -1;
  }

  std::vector<int> fds() const override {
    std::vector<int> all;
    for (const Part& part : parts_) all.push_back(bpf_link__fd(part.link.get()));
    return all;
  }
  std::optional<FunctionCount> functions() const override { return functions_; }

  explicit PerfHolder(std::optional<FunctionCount> functions) : functions_(functions) {}

  std::vector<UniqueFd> detach() override {
    // The kernel waits for each; together it takes as long as a few.
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < parts_.size(); i = next++) parts_[i].link.reset();
    };
    {
      std::vector<std::jthread> threads;
      while (threads.size() + 1 < std::min(parts_.size(), most_threads))
        threads.emplace_back(work);
      work();
    }
    std::vector<UniqueFd> events;
    for (Part& part : parts_)
      if (part.event) events.push_back(std::move(part.event));
    parts_.clear();
    return events;
  }

  /// `link` owns the descriptor `event`; `second` is another one of the same event.
  void add(LinkHandle link, int event, UniqueFd second) {
    // Before 5.15 the program hangs on the event itself, for as long as that is open.
    if (bpf_link__fd(link.get()) == event) second.reset();
    parts_.push_back({std::move(second), std::move(link)});
  }

 private:
  struct Part {
    UniqueFd event;  // destroyed after the link
    LinkHandle link;
  };
  std::optional<FunctionCount> functions_;
  std::vector<Part> parts_;
};

Error link_error(load::Program program, const ProbeSpec& spec, int error) {
  if (error == EEXIST)
    return attach_error(
        Code::invalid,
        fmt::format("program {} is attached to {} already", program.name(), spec.text()),
        "close its first link, or load the object a second time");
  if (error == E2BIG)
    return attach_error(
        Code::not_supported,
        fmt::format("{} has 64 programs, the most it can hold", spec.text()));
  if (error == EOPNOTSUPP) return no_cookie(spec);
  return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
}

/// Every thread of a process: an event counts one thread and, inherited, those it makes.
Result<std::vector<int>> threads_of(int pid) {
  std::vector<int> threads;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error))
    threads.push_back(std::atoi(entry.path().filename().c_str()));
  if (threads.empty())
    return attach_error(Code::not_found, fmt::format("there is no process {}", pid));
  return threads;
}

/// An event of one thread is inherited by the threads it makes, not by child processes;
/// before 5.13 the kernel knows only both.
UniqueFd open_thread(perf_event_attr attr, int thread, int cpu) {
  attr.inherit = 1;
  attr.inherit_thread = 1;
  UniqueFd fd = open_perf_event(attr, thread, cpu);
  if (fd || errno != EINVAL) return fd;
  attr.inherit_thread = 0;
  return open_perf_event(attr, thread, cpu);
}

}  // namespace

UniqueFd open_perf_event(perf_event_attr attr, int pid, int cpu) {
  attr.size = sizeof attr;
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::optional<std::uint32_t> perf_unit(const std::string& name) {
  std::ifstream file("/sys/bus/event_source/devices/" + name + "/type");
  std::uint32_t type = 0;
  if (file >> type) return type;
  return std::nullopt;
}

void close_events_in_background(std::vector<PerfPlace> places) {
  std::vector<UniqueFd> events;
  for (PerfPlace& place : places) events.push_back(std::move(place.event));
  close_in_background(std::move(events));
}

Holding attach_to_places(load::Program program, std::vector<PerfPlace> places,
                         const ProbeSpec& spec, std::optional<FunctionCount> functions) {
  // A script may attach hundreds of links, one after the other: the newest descriptor
  // tells how many there are.
  if (!places.empty())
    make_room_for_probes(static_cast<std::size_t>(places.back().event.get()));
  auto holder = std::make_unique<PerfHolder>(functions);
  for (PerfPlace& place : places) {
    const bpf_perf_event_opts opts = {.sz = sizeof opts, .bpf_cookie = place.cookie};
    UniqueFd second(::fcntl(place.event.get(), F_DUPFD_CLOEXEC, 3));
    LinkHandle link(
        bpf_program__attach_perf_event_opts(program.handle, place.event.get(), &opts));
    if (!link) return link_error(program, spec, errno);
    holder->add(std::move(link), place.event.release(), std::move(second));
  }
  return Holding(std::move(holder));
}

Holding attach_to_events(load::Program program, std::vector<UniqueFd> events,
                         const ProbeSpec& spec, const Options& options) {
  std::vector<PerfPlace> places;
  for (UniqueFd& event : events)
    places.push_back({std::move(event), options.cookie.value_or(0)});
  return attach_to_places(program, std::move(places), spec);
}

void make_room_for_probes(std::size_t probes) {
  rlimit limit = {};
  const rlim_t wanted = 3 * probes + 256;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<int> online_cpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::string text;
  std::getline(file, text);
  std::vector<int> cpus = parse_cpu_list(text);
  if (cpus.empty())
    for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); cpu++)
      cpus.push_back(static_cast<int>(cpu));
  return cpus;
}

Error no_such_cpu(int cpu) {
  return attach_error(
      Code::not_found, fmt::format("there is no CPU {}", cpu),
      fmt::format("the CPUs on line are {}", fmt::join(online_cpus(), ", ")));
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  std::istringstream ranges{std::string(text)};
  for (std::string range; std::getline(ranges, range, ',');) {
    int first = 0, last = 0;
    const int found = std::sscanf(range.c_str(), "%d-%d", &first, &last);
    if (found < 1) continue;
    for (int cpu = first; cpu <= (found == 2 ? last : first); cpu++) cpus.push_back(cpu);
  }
  return cpus;
}

Result<std::vector<UniqueFd>> open_perf_events(
    const perf_event_attr& attr, const Options& options,
    const std::function<Error(int error)>& refused) {
  std::vector<UniqueFd> fds;
  if (options.pid) {
    const Result<std::vector<int>> threads = threads_of(*options.pid);
    if (!threads) return threads.error();
    for (const int thread : *threads) {
      UniqueFd fd = open_thread(attr, thread, options.cpu.value_or(-1));
      if (!fd && errno == ESRCH) continue;  // it has ended meanwhile
      if (!fd) return refused(errno);
      fds.push_back(std::move(fd));
    }
  } else {
    std::vector<int> cpus = online_cpus();
    if (options.cpu) {
      if (std::ranges::find(cpus, *options.cpu) == cpus.end())
        return no_such_cpu(*options.cpu);
      cpus = {*options.cpu};
    }
    for (const int cpu : cpus) {
      UniqueFd fd = open_perf_event(attr, -1, cpu);
      if (!fd && errno == ENODEV) continue;  // gone off line meanwhile
      if (!fd) return refused(errno);
      fds.push_back(std::move(fd));
    }
  }
  return fds;
}

}  // namespace ebl::attach
