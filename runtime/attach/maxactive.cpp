#include "attach/maxactive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "attach/holders.h"
#include "attach/keeper.h"
#include "attach/perf_event.h"
#include "attach/tracepoint.h"
#include "base/mounts.h"

namespace ebl::attach {
namespace {

constexpr int most_active = 4096;  // the kernel's KRETPROBE_MAXACTIVE_MAX

/// Writes one command into tracefs' list of probes; the errno, 0 when it went well.
int write_line(const std::string& file, const std::string& line) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd) return errno;
  const ssize_t size = static_cast<ssize_t>(line.size());
  return ::write(fd.get(), line.data(), line.size()) == size ? 0 : errno;
}

/// An event is busy for as long as somebody has it open, which a killed process does for
/// a moment.
void remove_event(const std::string& file, const std::string& line) {
  constexpr int attempts = 3000;
  constexpr useconds_t pause = 10'000;
  for (int i = 0; i < attempts && write_line(file, line) == EBUSY; i++) ::usleep(pause);
}

/// The misses that kprobe_profile has for an event.
std::optional<std::uint64_t> profile_misses(const std::string& tracefs,
                                            const std::string& event) {
  std::ifstream file(tracefs + "/kprobe_profile");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t hits = 0, misses = 0;
    if (words >> name >> hits >> misses && name == event) return misses;
  }
  return std::nullopt;
}

class MaxactiveHolder final : public Link::Holder {
 public:
  MaxactiveHolder(std::string tracefs, std::string event)
      : tracefs_(std::move(tracefs)), event_(std::move(event)) {}
  Keeper& keeper() { return keeper_; }
  void hold(std::unique_ptr<Link::Holder> perf) { perf_ = std::move(perf); }

  int fd() const override { return perf_->fd(); }
  std::optional<std::uint64_t> missed() const override {
    return profile_misses(tracefs_, event_);
  }
  std::vector<UniqueFd> detach() override {
    perf_.reset();  // with its event: the keeper could not remove that otherwise
    keeper_.release();
    return {};
  }

 private:
  std::string tracefs_, event_;
  Keeper keeper_;
  std::unique_ptr<Link::Holder> perf_;  // destroyed before the keeper
};

/// A name that no other event has: tracefs is the whole machine's.
std::string new_event_name() {
  static std::atomic<unsigned> count = 0;
  return fmt::format("r_{}_{}", ::getpid(), count++);
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == EINVAL || error == ENOENT)
    return attach_error(
        Code::not_supported,
        fmt::format("the kernel refuses {} with maxactive: {}", spec.text(),
                    errno_text(error)),
        "the function is excluded from probing (noinstr, blacklist): probe one that "
        "calls it");
  return attach_errno(spec, error, {Capability::perfmon});
}

}  // namespace

Holding attach_with_maxactive(load::Program program, const std::string& function,
                              const ProbeSpec& spec, const Options& options) {
  if (*options.maxactive < 1 || *options.maxactive > most_active)
    return attach_error(Code::invalid, fmt::format("maxactive is 1 to {}, not {}",
                                                   most_active, *options.maxactive));
  const Result<std::string> tracefs = ensure_mounted("tracefs", "/sys/kernel/tracing");
  if (!tracefs) return tracefs.error();
  const std::string group = "ebpf_lua", event = new_event_name();
  const std::string file = *tracefs + "/kprobe_events";
  auto holder = std::make_unique<MaxactiveHolder>(*tracefs, event);
  const int error = holder->keeper().start({
      .make =
          [&] {
            return write_line(file, fmt::format("r{}:{}/{} {}\n", *options.maxactive,
                                                group, event, function));
          },
      .undo = [&] { remove_event(file, fmt::format("-:{}/{}\n", group, event)); },
      .fds = {},
  });
  if (error != 0) return refused(spec, error);
  std::vector<UniqueFd> events;
  events.push_back(open_tracepoint(tracepoint_id(*tracefs, group, event)));
  if (!events.back()) return refused(spec, errno);
  Holding perf = attach_to_events(program, std::move(events), spec, options);
  if (!perf) return perf;
  holder->hold(std::move(*perf));
  return Holding(std::move(holder));
}

}  // namespace ebl::attach
