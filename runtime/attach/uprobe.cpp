// uprobe:BINARY:SYMBOL[+OFFSET], uprobe:BINARY:0xADDRESS and uretprobe, by the kernel's
// uprobe perf unit; patterns by uprobe.multi, and where the kernel has none, one by one.
// Names are turned into offsets here rather than by libbpf, which looks at dynamic
// symbols of libraries only where there is no symbol table, and does not say what is
// near.
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"
#include "attach/uprobe_multi.h"
#include "attach/user_place.h"

namespace ebl::attach {
namespace {

constexpr std::string_view uprobe_sections[] = {"uprobe", "uprobe.s", "uprobe.multi",
                                                "uprobe.multi.s"};
constexpr std::string_view uretprobe_sections[] = {
    "uretprobe", "uretprobe.s", "uretprobe.multi", "uretprobe.multi.s"};

constexpr std::uint64_t return_probe = 1;  // bit 0 of the unit's config

bool is_multi(load::Program program) {
  return bpf_program__expected_attach_type(program.handle) == type_uprobe_multi;
}

/// Which of the kernel's two ways a program is for is said at load.
Result<void> prepare_uprobe(load::Program program, const ProbeSpec& spec) {
  const bool written_so = is_multi(program);  // SEC("uprobe.multi/…")
  if (!written_so && !is_user_pattern(spec.target)) return {};
  bpf_program__set_expected_attach_type(
      program.handle,
      has_uprobe_multi(type_uprobe_multi) ? type_uprobe_multi : bpf_attach_type{});
  return {};
}

/// The only place there is, or all that the kernel takes.
Holding attach_each(load::Program program, const UserPlaces& all, const ProbeSpec& spec,
                    const Options& options) {
  const Result<std::uint32_t> unit = uprobe_unit(spec);
  if (!unit) return unit.error();
  const bool many = is_user_pattern(spec.target);
  if (many) make_room_for_probes(all.places.size());
  perf_event_attr attr = {};
  attr.type = *unit;
  attr.config = spec.kind == Kind::uretprobe ? return_probe : 0;
  attr.uprobe_path = reinterpret_cast<std::uintptr_t>(all.path.c_str());
  std::vector<PerfPlace> places;
  int error = 0;
  for (const UserPlace& place : all.places) {
    if (Result<void> going_on = unless_interrupted(spec, options); !going_on) {
      close_events_in_background(std::move(places));
      return going_on.take_error();
    }
    attr.probe_offset = place.offset;
    UniqueFd event =
        open_perf_event(attr, options.pid.value_or(-1), options.pid ? -1 : 0);
    if (event) {
      places.push_back({std::move(event), place.cookie});
      continue;
    }
    error = errno;
    if (!many || !blames_the_place(error)) return uprobe_refused(spec, error);
  }
  if (places.empty()) return uprobe_refused(spec, error);
  if (!many) return attach_to_places(program, std::move(places), spec);
  const FunctionCount count{.attached = places.size(),
                            .left_out = all.left_out + all.places.size() - places.size()};
  return attach_to_places(program, std::move(places), spec, count);
}

Holding attach_uprobe(load::Program program, const ProbeSpec& spec,
                      const Options& options) {
  const Result<UserPlaces> places = find_user_places(spec, options);
  if (!places) return places.error();
  if (!is_multi(program)) return attach_each(program, *places, spec, options);
  return attach_uprobe_multi(program, type_uprobe_multi, spec.kind == Kind::uretprobe,
                             *places, spec, options);
}

}  // namespace

constinit const KindInfo uprobe_kind = {
    .kind = Kind::uprobe,
    .word = "uprobe",
    .form =
        "uprobe:BINARY:SYMBOL[+OFFSET], uprobe:BINARY:PATTERN or "
        "uprobe:BINARY:0xADDRESS, as in uprobe:libc:malloc or uprobe:libc:mem*",
    .sections = uprobe_sections,
    .options = {.pid = true, .cookie = true, .cookies = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_user_place,
    .text = user_place_text,
    .section_text = nullptr,
    .prepare = prepare_uprobe,
    .attach = attach_uprobe,
};

constinit const KindInfo uretprobe_kind = {
    .kind = Kind::uretprobe,
    .word = "uretprobe",
    .form =
        "uretprobe:BINARY:SYMBOL or uretprobe:BINARY:PATTERN, as in "
        "uretprobe:/bin/bash:readline",
    .sections = uretprobe_sections,
    .options = {.pid = true, .cookie = true, .cookies = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_user_function,
    .text = user_place_text,
    .section_text = nullptr,
    .prepare = prepare_uprobe,
    .attach = attach_uprobe,
};

}  // namespace ebl::attach
