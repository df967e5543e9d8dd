// lwt:PREFIX:in|out|xmit and seg6local:PREFIX: a route whose packets pass a program. A
// route has no descriptor, so a keeper owns it.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/seg6_local.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/keeper.h"
#include "attach/kind.h"
#include "attach/netlink.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view lwt_sections[] = {"lwt_in", "lwt_out", "lwt_xmit"};
constexpr std::string_view seg6_sections[] = {"lwt_seg6local"};

struct Hook {
  std::string_view word;
  HookType type;
  std::uint16_t attribute;
};
constexpr Hook hooks[] = {
    {"in", {BPF_PROG_TYPE_LWT_IN, {}, "lwt_in"}, LWT_BPF_IN},
    {"out", {BPF_PROG_TYPE_LWT_OUT, {}, "lwt_out"}, LWT_BPF_OUT},
    {"xmit", {BPF_PROG_TYPE_LWT_XMIT, {}, "lwt_xmit"}, LWT_BPF_XMIT},
};

struct Prefix {
  int family = AF_INET;
  std::uint8_t address[16] = {};
  unsigned bits = 0;

  unsigned size() const { return family == AF_INET6 ? 16 : 4; }
};

/// ADDRESS or ADDRESS/BITS; nullopt for anything else.
std::optional<Prefix> parse_prefix(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  Prefix prefix;
  prefix.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(prefix.family, address.c_str(), prefix.address) != 1)
    return std::nullopt;
  prefix.bits = prefix.size() * 8;
  if (slash == std::string::npos) return prefix;
  const Result<std::uint64_t> bits = parse_number(text.substr(slash + 1));
  if (!bits || *bits > prefix.bits) return std::nullopt;
  prefix.bits = static_cast<unsigned>(*bits);
  return prefix;
}

Result<ProbeSpec> parse_lwt(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return malformed("a prefix and a hook are wanted");
  spec.target = rest.substr(0, colon);
  spec.category = rest.substr(colon + 1);
  if (std::ranges::find(hooks, spec.category, &Hook::word) == std::end(hooks))
    return malformed(fmt::format("'{}' is not in, out or xmit", spec.category));
  if (!parse_prefix(spec.target))
    return malformed(fmt::format("'{}' is not a network address", spec.target));
  return spec;
}

Result<ProbeSpec> parse_seg6(std::string_view rest, ProbeSpec spec) {
  spec.target = rest;
  const std::optional<Prefix> prefix = parse_prefix(spec.target);
  if (!prefix || prefix->family != AF_INET6)
    return malformed(fmt::format("'{}' is not an IPv6 address", spec.target));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.category.empty() ? spec.target
                               : fmt::format("{}:{}", spec.target, spec.category);
}

HookType hook_type(const ProbeSpec& spec) {
  return std::ranges::find(hooks, spec.category, &Hook::word)->type;
}

void put_program(nlmsghdr* message, std::uint16_t fd_attribute,
                 std::uint16_t name_attribute, int fd, const std::string& name) {
  mnl_attr_put_u32(message, fd_attribute, static_cast<std::uint32_t>(fd));
  mnl_attr_put_strz(message, name_attribute, name.c_str());
}

void put_encapsulation(nlmsghdr* message, const ProbeSpec& spec, int fd,
                       const std::string& name) {
  const bool seg6 = spec.kind == Kind::seg6local;
  mnl_attr_put_u16(message, RTA_ENCAP_TYPE,
                   seg6 ? LWTUNNEL_ENCAP_SEG6_LOCAL : LWTUNNEL_ENCAP_BPF);
  nlattr* encapsulation = mnl_attr_nest_start(message, RTA_ENCAP);
  if (seg6) mnl_attr_put_u32(message, SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END_BPF);
  const std::uint16_t attribute =
      seg6 ? static_cast<std::uint16_t>(SEG6_LOCAL_BPF)
           : std::ranges::find(hooks, spec.category, &Hook::word)->attribute;
  nlattr* program = mnl_attr_nest_start(message, attribute);
  if (seg6)
    put_program(message, SEG6_LOCAL_BPF_PROG, SEG6_LOCAL_BPF_PROG_NAME, fd, name);
  else
    put_program(message, LWT_BPF_PROG_FD, LWT_BPF_PROG_NAME, fd, name);
  mnl_attr_nest_end(message, program);
  mnl_attr_nest_end(message, encapsulation);
}

struct Route {
  Prefix to;
  std::uint32_t interface = 0;
  std::optional<Prefix> via;
};

/// What names the route, for making and for removing it.
void put_route(NetlinkRequest& request, const Route& route) {
  auto* body = request.body<rtmsg>();
  body->rtm_family = static_cast<unsigned char>(route.to.family);
  body->rtm_dst_len = static_cast<unsigned char>(route.to.bits);
  body->rtm_table = RT_TABLE_MAIN;
  body->rtm_protocol = RTPROT_STATIC;
  body->rtm_scope =
      route.via || route.to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  body->rtm_type = RTN_UNICAST;
  nlmsghdr* message = request.header();
  mnl_attr_put(message, RTA_DST, route.to.size(), route.to.address);
  mnl_attr_put_u32(message, RTA_OIF, route.interface);
  if (route.via)
    mnl_attr_put(message, RTA_GATEWAY, route.via->size(), route.via->address);
}

Result<Route> find_route(const ProbeSpec& spec, const Options& options) {
  if (options.device.empty())
    return attach_error(Code::invalid,
                        fmt::format("{} needs the option device", spec.text()),
                        "pass the interface of the route: { device = \"eth0\" }");
  Route route{.to = *parse_prefix(spec.target),
              .interface = ::if_nametoindex(options.device.c_str())};
  if (route.interface == 0)
    return attach_error(Code::not_found, fmt::format("{}: there is no interface {}",
                                                     spec.text(), options.device));
  if (options.via.empty()) return route;
  route.via = parse_prefix(options.via);
  if (!route.via || route.via->family != route.to.family)
    return attach_error(Code::invalid, fmt::format("{}: '{}' is not an address for via",
                                                   spec.text(), options.via));
  return route;
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == EEXIST)
    return attach_error(
        Code::invalid,
        fmt::format("{}: there is a route to {} already", spec.text(), spec.target),
        "remove it first: ip route del " + spec.target);
  if (error == EOPNOTSUPP || error == ENOENT)
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: {}: this kernel has no {}", spec.text(),
                    errno_text(error),
                    spec.kind == Kind::seg6local
                        ? "segment routing in BPF (CONFIG_IPV6_SEG6_LWTUNNEL)"
                        : "routes with BPF (CONFIG_LWTUNNEL_BPF)"));
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

Holding attach_route(load::Program program, const ProbeSpec& spec,
                     const Options& options) {
  const Result<Route> found = find_route(spec, options);
  if (!found) return found.error();
  const Route route = *found;
  const int fd = bpf_program__fd(program.handle);
  auto holder = std::make_unique<KeeperHolder>();
  const int error = holder->keeper().start({
      .make =
          [&] {
            NetlinkRequest request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
            put_route(request, route);
            put_encapsulation(request.header(), spec, fd, program.name());
            return netlink_ask(request);
          },
      .undo =
          [&] {
            NetlinkRequest request(RTM_DELROUTE, NLM_F_ACK);
            put_route(request, route);
            netlink_ask(request);
          },
      .fds = {fd},
  });
  if (error != 0) return refused(spec, error);
  return Holding(std::move(holder));
}

}  // namespace

constinit const KindInfo lwt_kind = {
    .kind = Kind::lwt,
    .word = "lwt",
    .form = "lwt:PREFIX:in, :out or :xmit, as in lwt:10.1.0.0/16:xmit",
    .sections = lwt_sections,
    .options = {.route = true},
    .type = BPF_PROG_TYPE_LWT_XMIT,
    .attach_type = {},
    .parse = parse_lwt,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_route,
    .hook_type = hook_type,
    .kept = [] { return "lwt"sv; },
};

constinit const KindInfo seg6local_kind = {
    .kind = Kind::seg6local,
    .word = "seg6local",
    .form = "seg6local:PREFIX, as in seg6local:fc00::1/128",
    .sections = seg6_sections,
    .options = {.route = true},
    .type = BPF_PROG_TYPE_LWT_SEG6LOCAL,
    .attach_type = {},
    .parse = parse_seg6,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_route,
    .kept = [] { return "seg6local"sv; },
};

}  // namespace ebl::attach
