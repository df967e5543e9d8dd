// prepare(), attach() and what can be done with a Link.
#include "attach/link.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "attach/function_set.h"
#include "attach/holders.h"
#include "attach/kind.h"
#include "load/kernel_objects.h"
#include "load/log_capture.h"

namespace ebl::attach {
namespace {

/// The kinds that take an option, for "only … have it".
std::string kinds_with(bool OptionSet::* option) {
  std::vector<std::string_view> words;
  for (const KindInfo* info : all_kinds())
    if (info->options.*option) words.push_back(info->word);
  return fmt::format("{}", fmt::join(words, ", "));
}

Result<void> check_options(const KindInfo& info, const Options& options) {
  struct Row {
    const char* name;
    bool given;
    bool OptionSet::* taken;
  };
  const Row rows[] = {
      {"pid", options.pid.has_value(), &OptionSet::pid},
      {"cpu", options.cpu.has_value(), &OptionSet::cpu},
      {"cookie", options.cookie.has_value(), &OptionSet::cookie},
      {"cookie by function", !options.cookies.empty(), &OptionSet::cookies},
      {"maxactive", options.maxactive.has_value(), &OptionSet::maxactive},
      {"replace", options.replace, &OptionSet::replace},
      {"before or after", options.position.has_value(), &OptionSet::position},
      {"defrag", options.defrag, &OptionSet::defrag},
      {"map", options.map.has_value(), &OptionSet::map}};
  for (const Row& row : rows) {
    if (!row.given || info.options.*row.taken) continue;
    return attach_error(Code::invalid,
                        fmt::format("{} has no option {}", info.word, row.name),
                        fmt::format("{} is for {}", row.name, kinds_with(row.taken)));
  }
  if (options.pid && *options.pid <= 0)
    return attach_error(Code::invalid,
                        fmt::format("{} is not a process id", *options.pid));
  if (options.cpu && *options.cpu < 0)
    return attach_error(Code::invalid, fmt::format("{} is not a CPU", *options.cpu));
  return {};
}

/// The part of struct bpf_link_info (6.7) that is read here; libbpf 1.1.2's own is older.
struct RawLinkInfo {
  std::uint32_t type, id, prog_id, padding;
  union {
    struct {
      std::uint32_t type, padding;
      std::uint64_t name;
      std::uint32_t name_length, offset;
      std::uint64_t address, missed, cookie;
    } perf_event;
    struct {
      std::uint64_t addresses;
      std::uint32_t count, flags;
      std::uint64_t missed, cookies;
    } kprobe_multi;
    std::byte room[240];
  };
};
constexpr std::uint32_t link_type_perf_event = 7, link_type_kprobe_multi = 8;
constexpr std::uint32_t perf_event_kprobe = 3, perf_event_kretprobe = 4;

}  // namespace

Error attach_error(Code code, std::string message, std::string hint) {
  return Error{.stage = Stage::attach,
               .code = code,
               .message = std::move(message),
               .hint = std::move(hint)};
}

Error attach_errno(const ProbeSpec& spec, int error_number,
                   std::initializer_list<Capability> needed) {
  const std::string what = "attach to " + short_text(spec);
  if (error_number == EPERM || error_number == EACCES)
    return explain_permission(Stage::attach, what, error_number,
                              std::span(needed.begin(), needed.size()));
  return attach_error(Code::io,
                      fmt::format("cannot {}: {}", what, errno_text(error_number)));
}

Error no_cookie(const ProbeSpec& spec) {
  return attach_error(Code::not_supported,
                      fmt::format("this kernel takes no cookie for {}", short_text(spec)),
                      "leave out the option cookie");
}

Error attached_once(const ProbeSpec& spec) {
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: {}: this kernel attaches such a program once, "
                  "and not again after its link was closed",
                  short_text(spec), errno_text(ENOENT)),
      "load it again: bpf.load");
}

Result<UniqueFd> prepare(load::Program program, const ProbeSpec& spec) {
  const load::LogCapture quiet;
  const KindInfo& info = info_of(spec.kind);
  const HookType wanted = hook_type_of(spec);
  const bpf_prog_type type = bpf_program__type(program.handle);
  if (type == BPF_PROG_TYPE_UNSPEC) {
    bpf_program__set_type(program.handle, static_cast<bpf_prog_type>(wanted.type));
    bpf_program__set_expected_attach_type(program.handle, wanted.attach_type);
  } else if (type != wanted.type && type != info.other_type) {
    return attach_error(
        Code::invalid,
        fmt::format("program {} is of type {} (SEC(\"{}\")) and cannot be attached to {}",
                    program.name(), libbpf_bpf_prog_type_str(type), program.section(),
                    spec.text()),
        fmt::format("write SEC(\"{}\") for it", wanted.section));
  }
  if (info.prepare_with_target) return info.prepare_with_target(program, spec);
  if (info.prepare)
    if (Result<void> ready = info.prepare(program, spec); !ready)
      return ready.take_error();
  return UniqueFd();
}

Result<void> unless_interrupted(const ProbeSpec& spec, const Options& options) {
  pollfd ready{.fd = options.interrupt_fd, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 0) <= 0) return {};
  return attach_error(Code::interrupted,
                      fmt::format("attaching to {} was interrupted", short_text(spec)));
}

Result<Link> attach(load::Program program, const ProbeSpec& spec,
                    const Options& options) {
  if (Result<void> going_on = unless_interrupted(spec, options); !going_on)
    return going_on.take_error();
  const load::LogCapture quiet;
  const KindInfo& info = info_of(spec.kind);
  if (Result<void> checked = check_options(info, options); !checked)
    return checked.take_error();
  if (bpf_program__fd(program.handle) < 0)
    return attach_error(Code::invalid,
                        fmt::format("program {} is not loaded", program.name()));
  const unsigned type = bpf_program__type(program.handle);
  if (type != hook_type_of(spec).type && type != info.other_type)
    if (Result<UniqueFd> fits = prepare(program, spec); !fits) return fits.take_error();
  Holding holder = info.attach(program, spec, options);
  if (!holder) return holder.take_error();
  return Link(spec, std::move(*holder));
}

Result<int> Link::only_fd(std::string_view purpose) const {
  if (!attached())
    return attach_error(Code::invalid, fmt::format("{} is closed", spec_.text()));
  if (fd() < 0)
    return attach_error(
        Code::not_supported,
        fmt::format("{} cannot be {}: the kernel has no single link for it", spec_.text(),
                    purpose));
  return fd();
}

Result<void> Link::pin(const std::string& path) const {
  const Result<int> fd = only_fd("pinned");
  if (!fd) return fd.error();
  return load::pin(*fd, spec_.text(), path);
}

Result<void> Link::update(load::Program program) const {
  const Result<int> fd = only_fd("updated");
  if (!fd) return fd.error();
  if (::bpf_link_update(*fd, bpf_program__fd(program.handle), nullptr) == 0) return {};
  if (errno == EINVAL && bpf_program__fd(program.handle) >= 0)
    return attach_error(
        Code::not_supported,
        fmt::format("{} cannot change its program in place", spec_.text()),
        "attach the new program, then close this link");
  return attach_errno(spec_, errno, {Capability::bpf, Capability::net_admin});
}

namespace {

/// What the kernel says of one of its links; errno where it does not.
std::optional<LinkInfo> kernel_info(int fd) {
  RawLinkInfo raw = {};
  std::uint32_t size = sizeof raw;
  if (::bpf_obj_get_info_by_fd(fd, &raw, &size) != 0) return std::nullopt;
  LinkInfo info{.id = raw.id, .program_id = raw.prog_id};
  const bool kprobe = raw.perf_event.type == perf_event_kprobe ||
                      raw.perf_event.type == perf_event_kretprobe;
  if (raw.type == link_type_perf_event && kprobe &&
      size >= offsetof(RawLinkInfo, perf_event.missed) + sizeof raw.perf_event.missed)
    info.missed = raw.perf_event.missed;
  if (raw.type == link_type_kprobe_multi &&
      size >= offsetof(RawLinkInfo, kprobe_multi.missed) + sizeof raw.kprobe_multi.missed)
    info.missed = raw.kprobe_multi.missed;
  return info;
}

}  // namespace

Result<LinkInfo> Link::info() const {
  if (!attached())
    return attach_error(Code::invalid, fmt::format("{} is closed", spec_.text()));
  const std::optional<std::uint64_t> counted = holder_->missed();
  LinkInfo info{.missed = counted, .functions = holder_->functions()};
  const std::vector<int> fds = holder_->fds();
  if (fds.empty() && !info.functions) return only_fd("asked about").error();
  for (const int fd : fds) {
    const std::optional<LinkInfo> one = kernel_info(fd);
    if (!one && (info.functions || info.missed)) return info;
    if (!one)
      return attach_error(Code::not_supported,
                          fmt::format("this kernel tells nothing about {}: {}",
                                      spec_.text(), errno_text(errno)));
    info.id = fds.size() == 1 ? one->id : 0;
    info.program_id = one->program_id;
    if (one->missed && !counted) info.missed = info.missed.value_or(0) + *one->missed;
  }
  return info;
}

void Link::close() {
  // Many events go faster together, and the kernel's waits for them to somebody else.
  Link* const self = this;
  if (holder_ && holder_->functions()) close_all(std::span(&self, 1));
  holder_.reset();
}

}  // namespace ebl::attach
