// uprobe:BINARY:SYMBOL[+OFFSET], uprobe:BINARY:0xADDRESS and uretprobe, by the kernel's
// uprobe perf unit. Names are turned into offsets here rather than by libbpf, which looks
// at dynamic symbols of libraries only where there is no symbol table, and does not say
// what is near.
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/perf_event.h"
#include "attach/user_place.h"
#include "symbols/elf_file.h"

namespace ebl::attach {
namespace {

constexpr std::string_view uprobe_sections[] = {"uprobe", "uprobe.s"};
constexpr std::string_view uretprobe_sections[] = {"uretprobe", "uretprobe.s"};

constexpr std::uint64_t return_probe = 1;  // bit 0 of the unit's config

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  // The first colon: symbols of C++ have colons, paths hardly ever.
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size())
    return malformed("a user probe has a binary and a function");
  spec.binary = rest.substr(0, colon);
  const std::string_view place = rest.substr(colon + 1);
  if (!place.starts_with("0x")) return parse_symbol(place, std::move(spec));
  const Result<std::uint64_t> address = parse_number(place);
  if (!address) return address.error();
  spec.address = *address;
  return spec;
}

Result<ProbeSpec> parse_return(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse(rest, std::move(spec));
  if (parsed && parsed->offset != 0)
    return malformed("the return of a function has no offset");
  return parsed;
}

std::string text(const ProbeSpec& spec) {
  if (spec.target.empty()) return fmt::format("{}:{:#x}", spec.binary, spec.address);
  return fmt::format("{}:{}", spec.binary, symbol_text(spec));
}

struct Place {
  std::string path;
  std::uint64_t offset = 0;
};

Result<Place> find_place(const ProbeSpec& spec, const Options& options) {
  Result<std::string> path = user_binary(spec, options);
  if (!path) return path.take_error();
  Place place{.path = std::move(*path)};
  const Result<symbols::ElfFile> file = symbols::ElfFile::open(place.path);
  if (!file) return file.error();
  const Result<std::uint64_t> offset = spec.target.empty()
                                           ? file->offset_of_address(spec.address)
                                           : file->offset_of(spec.target, spec.offset);
  if (!offset) return offset.error();
  place.offset = *offset;
  return place;
}

Holding attach_uprobe(load::Program program, const ProbeSpec& spec,
                      const Options& options) {
  Result<Place> place = find_place(spec, options);
  if (!place) return place_error(spec, place.take_error());
  const Result<std::uint32_t> unit = uprobe_unit(spec);
  if (!unit) return unit.error();
  perf_event_attr attr = {};
  attr.type = *unit;
  attr.config = spec.kind == Kind::uretprobe ? return_probe : 0;
  attr.uprobe_path = reinterpret_cast<std::uintptr_t>(place->path.c_str());
  attr.probe_offset = place->offset;
  std::vector<UniqueFd> events;
  events.push_back(open_perf_event(attr, options.pid.value_or(-1), options.pid ? -1 : 0));
  if (!events.back()) return uprobe_refused(spec, errno);
  return attach_to_events(program, std::move(events), spec, options);
}

}  // namespace

constinit const KindInfo uprobe_kind = {
    .kind = Kind::uprobe,
    .word = "uprobe",
    .form =
        "uprobe:BINARY:SYMBOL[+OFFSET] or uprobe:BINARY:0xADDRESS, as in "
        "uprobe:libc:malloc",
    .sections = uprobe_sections,
    .options = {.pid = true, .cookie = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_uprobe,
};

constinit const KindInfo uretprobe_kind = {
    .kind = Kind::uretprobe,
    .word = "uretprobe",
    .form = "uretprobe:BINARY:SYMBOL, as in uretprobe:/bin/bash:readline",
    .sections = uretprobe_sections,
    .options = {.pid = true, .cookie = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = {},
    .parse = parse_return,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_uprobe,
};

}  // namespace ebl::attach
