// tcx:INTERFACE:ingress|egress (Linux 6.6) and netkit:INTERFACE:primary|peer (6.7):
// traffic control programs on a bpf_link, in an order that each may choose.
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/interface.h"
#include "attach/kind.h"
#include "attach/link_create.h"

namespace ebl::attach {
namespace {

// SEC("tcx/ingress") tells the type only, SEC("tcx/eth0/ingress") the hook.
constexpr std::string_view tcx_sections[] = {"tcx"};
constexpr std::string_view netkit_sections[] = {"netkit"};

Result<ProbeSpec> parse_either(std::string_view rest, ProbeSpec spec,
                               std::string_view first, std::string_view second) {
  Result<ProbeSpec> parsed = parse_interface(rest, std::move(spec));
  if (!parsed) return parsed;
  if (parsed->category != first && parsed->category != second)
    return malformed(fmt::format("{} or {} is missing", first, second));
  return parsed;
}

Result<ProbeSpec> parse_tcx(std::string_view rest, ProbeSpec spec) {
  return parse_either(rest, std::move(spec), "ingress", "egress");
}

Result<ProbeSpec> parse_netkit(std::string_view rest, ProbeSpec spec) {
  return parse_either(rest, std::move(spec), "primary", "peer");
}

std::string section_text(std::string_view rest) {
  return rest.find('/') == std::string_view::npos ? "" : slashes_to_colons(rest);
}

HookType hook_type(const ProbeSpec& spec) {
  const bool first = spec.category == "ingress" || spec.category == "primary";
  if (spec.kind == Kind::tcx)
    return {BPF_PROG_TYPE_SCHED_CLS, first ? type_tcx_ingress : type_tcx_egress,
            first ? "tcx/ingress" : "tcx/egress"};
  return {BPF_PROG_TYPE_SCHED_CLS, first ? type_netkit_primary : type_netkit_peer,
          first ? "netkit/primary" : "netkit/peer"};
}

Error refused(const ProbeSpec& spec, const Options& options, int error) {
  if (error == ENOENT && options.position)
    return attach_error(Code::not_found,
                        fmt::format("{}: what this shall come before or after is not "
                                    "attached there",
                                    spec.text()));
  if (error == EEXIST)
    return attach_error(Code::invalid,
                        fmt::format("the program is attached to {} already", spec.text()),
                        "close its first link");
  if (error == ERANGE)
    return attach_error(
        Code::not_supported,
        fmt::format("{} has as many programs as it can hold", spec.text()));
  const bool netkit = spec.kind == Kind::netkit;
  if (netkit && (error == EINVAL || error == ENOENT || error == EOPNOTSUPP ||
                 error == ENXIO || error == EACCES))
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: {}: {} is not the primary device of a netkit "
                    "pair, or this kernel has none",
                    spec.text(), errno_text(error), spec.target),
        fmt::format("use tcx:{}:ingress", spec.target));
  if (error == EINVAL)
    return attach_error(Code::not_supported,
                        fmt::format("cannot attach to {}: {}: this kernel has no tcx",
                                    spec.text(), errno_text(error)),
                        fmt::format("use tc:{}:{}", spec.target, spec.category));
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

Holding attach_link(load::Program program, const ProbeSpec& spec,
                    const Options& options) {
  const Result<int> interface = interface_index(spec);
  if (!interface) return interface.error();
  LinkRequest request;
  request.target = static_cast<std::uint32_t>(*interface);
  request.type = hook_type(spec).attach_type;
  if (options.position) {
    const Position& place = *options.position;
    request.flags = place.before ? link_before : link_after;
    if (place.link_id) {
      request.flags |= link_relative_id | link_relative_link;
      request.tcx.relative = place.link_id;
    } else if (place.program_id) {
      request.flags |= link_relative_id;
      request.tcx.relative = place.program_id;
    }
  }
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  return refused(spec, options, errno);
}

}  // namespace

constinit const KindInfo tcx_kind = {
    .kind = Kind::tcx,
    .word = "tcx",
    .form = "tcx:INTERFACE:ingress or tcx:INTERFACE:egress, as in tcx:eth0:ingress",
    .sections = tcx_sections,
    .options = {.position = true},
    .type = BPF_PROG_TYPE_SCHED_CLS,
    .attach_type = {},
    .parse = parse_tcx,
    .text = interface_text,
    .section_text = section_text,
    .prepare = nullptr,
    .attach = attach_link,
    .hook_type = hook_type,
};

constinit const KindInfo netkit_kind = {
    .kind = Kind::netkit,
    .word = "netkit",
    .form = "netkit:INTERFACE:primary or netkit:INTERFACE:peer, as in netkit:nk0:peer",
    .sections = netkit_sections,
    .options = {.position = true},
    .type = BPF_PROG_TYPE_SCHED_CLS,
    .attach_type = {},
    .parse = parse_netkit,
    .text = interface_text,
    .section_text = section_text,
    .prepare = nullptr,
    .attach = attach_link,
    .hook_type = hook_type,
};

}  // namespace ebl::attach
