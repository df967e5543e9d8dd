// usdt:BINARY:[PROVIDER:]PROBE, by the kernel's uprobe perf unit: one event for each
// place of the probe. The kernel itself counts the semaphore up and down in every process
// that has the file mapped (ref_ctr_offset), so none has to be written to.
//
// What bpf_get_attach_cookie() says at a place: the index of its arguments in the maps of
// <bpf/usdt.bpf.h> where the object has them (the cookie of the options is then what
// bpf_usdt_cookie() says); else the cookie of the options; else the place's argument set,
// which generated readers of arguments tell apart.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

#include "attach/kind.h"
#include "attach/perf_event.h"
#include "attach/usdt_specs.h"
#include "attach/user_place.h"
#include "symbols/usdt.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"usdt"};

constexpr int semaphore_shift = 32;  // config:32-63 of the unit

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t first = rest.find(':');
  const bool bare = first == std::string_view::npos || first == 0;
  const std::string_view names = bare ? "" : rest.substr(first + 1);
  if (bare || names.empty())
    return malformed("a static probe has a binary, a provider and a name");
  spec.binary = rest.substr(0, first);
  const std::size_t second = names.find(':');
  if (second != std::string_view::npos) spec.category = names.substr(0, second);
  spec.target = second == std::string_view::npos ? names : names.substr(second + 1);
  if (second == 0 || !is_name(spec.target, "-") ||
      (!spec.category.empty() && !is_name(spec.category, "-")))
    return malformed(fmt::format("'{}' is not the name of a probe", names));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  if (spec.category.empty()) return fmt::format("{}:{}", spec.binary, spec.target);
  return fmt::format("{}:{}:{}", spec.binary, spec.category, spec.target);
}

/// Cookies come with perf links, in 5.15. The kernel looks for the event only where it
/// knows that kind of link.
bool kernel_has_cookies(const load::Program& program) {
  const int fd = ::bpf_link_create(program.fd, -1, BPF_PERF_EVENT, nullptr);
  return fd < 0 && errno == EBADF;
}

/// The events, and behind them the entries that their program reads.
class UsdtHolder final : public Link::Holder {
 public:
  UsdtHolder(std::unique_ptr<Link::Holder> events, std::optional<UsdtSpecs> specs)
      : specs_(std::move(specs)), events_(std::move(events)) {}
  int fd() const override { return events_->fd(); }
  std::vector<UniqueFd> detach() override {
    std::vector<UniqueFd> rest = events_->detach();
    specs_.reset();
    return rest;
  }

 private:
  std::optional<UsdtSpecs> specs_;  // destroyed after the events
  std::unique_ptr<Link::Holder> events_;
};

Result<std::uint64_t> cookie_at(const symbols::UsdtProbe& probe,
                                const symbols::UsdtLocation& location,
                                const ProbeSpec& spec, const Options& options,
                                bool cookies, std::optional<UsdtSpecs>& specs) {
  if (!specs) return options.cookie.value_or(cookies ? location.argument_set : 0);
  const Result<std::uint32_t> entry = specs->add(location, options.cookie.value_or(0));
  if (!entry) return entry.error();
  if (cookies) return std::uint64_t{*entry};
  if (location.arguments.empty() && !options.cookie) return std::uint64_t{0};
  if (!probe.fixed)
    return attach_error(
        Code::not_supported,
        fmt::format("the arguments of {} cannot be read: this kernel takes no cookies, "
                    "and the file is position independent",
                    spec.text()),
        "it takes Linux 5.15");
  const Result<void> placed = specs->add_place(location.address, *entry);
  if (!placed) return placed.error();
  return std::uint64_t{0};
}

Holding attach_usdt(load::Program program, const ProbeSpec& spec,
                    const Options& options) {
  const Result<std::string> path = user_binary(spec, options);
  if (!path) return place_error(spec, path.error());
  const Result<symbols::UsdtProbe> probe =
      symbols::find_usdt_probe(*path, spec.category, spec.target);
  if (!probe) return place_error(spec, probe.error());
  const Result<std::uint32_t> unit = uprobe_unit(spec);
  if (!unit) return unit.error();

  std::optional<UsdtSpecs> specs = UsdtSpecs::of(program);
  const bool cookies = kernel_has_cookies(program);
  std::vector<PerfPlace> places;
  for (const symbols::UsdtLocation& location : probe->locations) {
    const Result<std::uint64_t> cookie =
        cookie_at(*probe, location, spec, options, cookies, specs);
    if (!cookie) return cookie.error();
    perf_event_attr attr = {};
    attr.type = *unit;
    attr.config = location.semaphore_offset << semaphore_shift;
    attr.uprobe_path = reinterpret_cast<std::uintptr_t>(path->c_str());
    attr.probe_offset = location.offset;
    UniqueFd event =
        open_perf_event(attr, options.pid.value_or(-1), options.pid ? -1 : 0);
    if (!event) return uprobe_refused(spec, errno);
    places.push_back({std::move(event), *cookie});
  }
  Holding events = attach_to_places(program, std::move(places), spec);
  if (!events) return events;
  return Holding(std::make_unique<UsdtHolder>(std::move(*events), std::move(specs)));
}

}  // namespace

constinit const KindInfo usdt_kind = {
    .kind = Kind::usdt,
    .word = "usdt",
    .form = "usdt:BINARY:PROVIDER:PROBE, as in usdt:/usr/bin/python3:python:gc__start",
    .sections = sections,
    .options = {.pid = true, .cookie = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_usdt,
};

}  // namespace ebl::attach
