// netfilter:FAMILY:HOOK[:PRIORITY] (Linux 6.4), by a bpf_link.
#include <fmt/format.h>
#include <linux/netfilter.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/link_create.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"netfilter"};

struct Word {
  std::string_view name;
  std::uint32_t number;
};
constexpr Word families[] = {{"ipv4", NFPROTO_IPV4}, {"ipv6", NFPROTO_IPV6}};
constexpr Word hooks[] = {{"pre_routing", NF_INET_PRE_ROUTING},
                          {"local_in", NF_INET_LOCAL_IN},
                          {"forward", NF_INET_FORWARD},
                          {"local_out", NF_INET_LOCAL_OUT},
                          {"post_routing", NF_INET_POST_ROUTING}};

constexpr std::uint32_t flag_defrag = 1;
constexpr int defrag_priority = -400;  // where the kernel puts packets together

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t first = rest.find(':');
  if (first == std::string_view::npos) return malformed("a family and a hook are wanted");
  const std::size_t second = rest.find(':', first + 1);
  spec.category = rest.substr(0, first);
  spec.target = rest.substr(first + 1, second - first - 1);
  if (std::ranges::find(families, spec.category, &Word::name) == std::end(families))
    return malformed(fmt::format("'{}' is not ipv4 or ipv6", spec.category));
  if (std::ranges::find(hooks, spec.target, &Word::name) == std::end(hooks))
    return malformed(
        fmt::format("'{}' is not pre_routing, local_in, forward, local_out or "
                    "post_routing",
                    spec.target));
  if (second == std::string_view::npos) return spec;
  const std::string_view number = rest.substr(second + 1);
  const char* end = number.data() + number.size();
  const auto [at, error] = std::from_chars(number.data(), end, spec.priority);
  if (error != std::errc() || at != end)
    return malformed(fmt::format("'{}' is not a priority", number));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return fmt::format("{}:{}:{}", spec.category, spec.target, spec.priority);
}

Holding attach_netfilter(load::Program program, const ProbeSpec& spec,
                         const Options& options) {
  LinkRequest request;
  request.type = type_netfilter;
  request.netfilter.family =
      std::ranges::find(families, spec.category, &Word::name)->number;
  request.netfilter.hook = std::ranges::find(hooks, spec.target, &Word::name)->number;
  request.netfilter.priority = spec.priority;
  request.netfilter.flags = options.defrag ? flag_defrag : 0;
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int error = errno;
  if (error == EBUSY)
    return attach_error(Code::invalid,
                        fmt::format("{}: another program has priority {} there",
                                    spec.text(), spec.priority),
                        "choose another priority: lower runs earlier");
  if (options.defrag && spec.priority <= defrag_priority &&
      (error == EINVAL || error == ERANGE))
    return attach_error(
        Code::invalid,
        fmt::format("{}: packets are put together at priority {}: defrag needs a later "
                    "one",
                    spec.text(), defrag_priority));
  if (error == EINVAL || error == ERANGE)
    return attach_error(
        Code::not_supported,
        fmt::format("this kernel refuses {}: {}", spec.text(), errno_text(error)),
        "netfilter links came with Linux 6.4");
  if (error == EAFNOSUPPORT || error == ENOENT || error == EOPNOTSUPP)
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: {}: this kernel lacks {}", spec.text(),
                    errno_text(error),
                    options.defrag ? "the defragmentation of packets (nf_defrag_ipv4, "
                                     "nf_defrag_ipv6)"
                                   : "that family"));
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

}  // namespace

constinit const KindInfo netfilter_kind = {
    .kind = Kind::netfilter,
    .word = "netfilter",
    .form = "netfilter:FAMILY:HOOK:PRIORITY, as in netfilter:ipv4:local_in:0",
    .sections = sections,
    .options = {.defrag = true},
    .type = program_netfilter,
    .attach_type = type_netfilter,
    .parse = parse,
    .text = text,
    .section_text = slashes_to_colons,
    .prepare = nullptr,
    .attach = attach_netfilter,
};

}  // namespace ebl::attach
