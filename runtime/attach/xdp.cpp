// xdp:INTERFACE[:generic|native|offload], by a bpf_link: when its descriptor is closed,
// the interface is as before.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/interface.h"
#include "attach/kind.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"xdp", "xdp.frags"};

// What follows "xdp/" and is libbpf's own: programs that run from a map.
constexpr std::string_view map_programs[] = {"devmap", "cpumap"};

struct ModeName {
  std::string_view name;
  XdpMode mode;
  std::uint32_t flag;
};
constexpr ModeName modes[] = {
    {"generic", XdpMode::generic, XDP_FLAGS_SKB_MODE},
    {"native", XdpMode::native, XDP_FLAGS_DRV_MODE},
    {"offload", XdpMode::offload, XDP_FLAGS_HW_MODE},
};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_interface(rest, std::move(spec));
  if (!parsed || parsed->category.empty()) {
    if (parsed && rest.ends_with(':')) return malformed("unknown mode ''");
    return parsed;
  }
  const std::string word = std::exchange(parsed->category, "");
  const auto* mode = std::ranges::find(modes, word, &ModeName::name);
  if (mode == std::end(modes)) return malformed(fmt::format("unknown mode '{}'", word));
  parsed->mode = mode->mode;
  return parsed;
}

std::string text(const ProbeSpec& spec) {
  const auto* mode = std::ranges::find(modes, spec.mode, &ModeName::mode);
  if (mode == std::end(modes)) return spec.target;
  return fmt::format("{}:{}", spec.target, mode->name);
}

std::string section_text(std::string_view rest) {
  if (std::ranges::find(map_programs, rest) != std::end(map_programs)) return "";
  return slashes_to_colons(rest);
}

struct Present {
  std::uint32_t program_id = 0;
  std::uint32_t link_id = 0;  ///< 0: attached without a link
  std::uint32_t flag = 0;     ///< its mode
  std::string name;
};

/// What runs on the interface now; the first of the modes.
std::optional<Present> present_on(int interface) {
  bpf_xdp_query_opts query = {.sz = sizeof query};
  if (::bpf_xdp_query(interface, 0, &query) != 0) return std::nullopt;
  const std::pair<std::uint32_t, std::uint32_t> ids[] = {
      {query.drv_prog_id, XDP_FLAGS_DRV_MODE},
      {query.skb_prog_id, XDP_FLAGS_SKB_MODE},
      {query.hw_prog_id, XDP_FLAGS_HW_MODE}};
  Present present;
  for (const auto& [id, flag] : ids)
    if (id != 0 && present.program_id == 0) present.program_id = id, present.flag = flag;
  if (present.program_id == 0) return std::nullopt;

  if (const UniqueFd program(::bpf_prog_get_fd_by_id(present.program_id)); program) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0)
      present.name = info.name;
  }
  for (std::uint32_t id = 0; ::bpf_link_get_next_id(id, &id) == 0;) {
    const UniqueFd link(::bpf_link_get_fd_by_id(id));
    bpf_link_info info = {};
    std::uint32_t size = sizeof info;
    if (!link || ::bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) continue;
    if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == present.program_id &&
        info.xdp.ifindex == static_cast<std::uint32_t>(interface))
      present.link_id = id;
  }
  return present;
}

Error occupied(const ProbeSpec& spec, const std::optional<Present>& present) {
  if (!present)
    return attach_error(Code::invalid,
                        fmt::format("{} has an XDP program already", spec.target),
                        "attach with replace = true to take its place");
  const auto* mode = std::ranges::find(modes, present->flag, &ModeName::flag);
  return attach_error(
      Code::invalid,
      fmt::format("{} has the XDP program {} (id {}, {} mode{}) already", spec.target,
                  present->name.empty() ? "?" : present->name, present->program_id,
                  mode->name,
                  present->link_id ? fmt::format(", link {}", present->link_id) : ""),
      "attach with replace = true to take its place");
}

/// Takes away what is there: a link is detached, its owner keeps an empty shell.
int remove(int interface, const Present& present) {
  if (present.link_id == 0) return ::bpf_xdp_detach(interface, present.flag, nullptr);
  const UniqueFd link(::bpf_link_get_fd_by_id(present.link_id));
  if (!link) return -errno;
  return ::bpf_link_detach(link.get()) == 0 ? 0 : -errno;
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == EOPNOTSUPP && spec.mode == XdpMode::offload)
    return attach_error(
        Code::not_supported,
        fmt::format("{}: the driver of {} cannot run programs on the card", spec.text(),
                    spec.target),
        fmt::format("use xdp:{}", spec.target));
  if (error == EOPNOTSUPP && spec.mode == XdpMode::native)
    return attach_error(
        Code::not_supported,
        fmt::format("{}: the driver of {} has no XDP", spec.text(), spec.target),
        fmt::format("use xdp:{}:generic", spec.target));
  if (error == EINVAL && spec.mode == XdpMode::offload)
    return attach_error(
        Code::not_supported,
        fmt::format("{}: a program for offload must be loaded for the device, "
                    "which this runtime does not do",
                    spec.text()),
        fmt::format("use xdp:{}", spec.target));
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

Holding attach_xdp(load::Program program, const ProbeSpec& spec, const Options& options) {
  const Result<int> found = interface_index(spec);
  if (!found) return found.error();
  const int interface = *found;
  if (options.replace)
    if (const auto present = present_on(interface)) {
      const int error = remove(interface, *present);
      if (error != 0) return refused(spec, -error);
    }
  const auto* mode = std::ranges::find(modes, spec.mode, &ModeName::mode);
  bpf_link_create_opts opts = {.sz = sizeof opts};
  opts.flags = mode == std::end(modes) ? 0 : mode->flag;
  UniqueFd link(
      ::bpf_link_create(bpf_program__fd(program.handle), interface, BPF_XDP, &opts));
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int error = errno;
  if (error == EBUSY || error == EEXIST) return occupied(spec, present_on(interface));
  return refused(spec, error);
}

}  // namespace

constinit const KindInfo xdp_kind = {
    .kind = Kind::xdp,
    .word = "xdp",
    .form =
        "xdp:INTERFACE or xdp:INTERFACE:MODE (generic, native, offload), as in xdp:eth0",
    .sections = sections,
    .options = {.replace = true},
    .type = BPF_PROG_TYPE_XDP,
    .attach_type = BPF_XDP,
    .parse = parse,
    .text = text,
    .section_text = section_text,
    .prepare = nullptr,
    .attach = attach_xdp,
};

}  // namespace ebl::attach
