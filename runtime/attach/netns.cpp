// sk_lookup and flow_dissector: the hooks of a network namespace, this process's own or
// that of a file such as /run/netns/blue.
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/link_create.h"

namespace ebl::attach {
namespace {

// Both tell the type only: where to attach is for attach() to say.
constexpr std::string_view lookup_sections[] = {"sk_lookup"};
constexpr std::string_view dissector_sections[] = {"flow_dissector"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  spec.path = rest;
  if (!rest.empty() && !rest.starts_with('/'))
    return malformed(
        fmt::format("'{}' is not the path of a network namespace", spec.path));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.path;
}

Holding attach_namespace(load::Program program, const ProbeSpec& spec, const Options&) {
  const std::string path = spec.path.empty() ? "/proc/self/ns/net" : spec.path;
  const UniqueFd space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space)
    return attach_error(
        Code::not_found,
        fmt::format("{}: cannot open {}: {}", spec.text(), path, errno_text(errno)),
        "ip netns makes namespaces as /run/netns/NAME");
  LinkRequest request;
  request.target = static_cast<std::uint32_t>(space.get());
  request.type = info_of(spec.kind).attach_type;
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int error = errno;
  if (error == EINVAL)
    return attach_error(Code::invalid, fmt::format("{}: {} is not a network namespace",
                                                   spec.text(), path));
  if (error == E2BIG || error == EEXIST)
    return attach_error(
        Code::invalid,
        fmt::format("{}: the namespace has as many programs as it can hold", spec.text()),
        spec.kind == Kind::flow_dissector
            ? "it holds one; one of the first namespace rules them all"
            : "");
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

constexpr KindInfo namespace_kind(Kind kind, std::string_view word, std::string_view form,
                                  std::span<const std::string_view> sections,
                                  unsigned type, bpf_attach_type attach_type) {
  return {
      .kind = kind,
      .word = word,
      .form = form,
      .sections = sections,
      .options = {},
      .type = type,
      .attach_type = attach_type,
      .parse = parse,
      .text = text,
      .section_text = nullptr,
      .prepare = nullptr,
      .attach = attach_namespace,
      .bare = true,
  };
}

}  // namespace

constinit const KindInfo sk_lookup_kind =
    namespace_kind(Kind::sk_lookup, "sk_lookup",
                   "sk_lookup or sk_lookup:PATH, as in sk_lookup:/run/netns/blue",
                   lookup_sections, BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP);
constinit const KindInfo flow_dissector_kind = namespace_kind(
    Kind::flow_dissector, "flow_dissector",
    "flow_dissector or flow_dissector:PATH, as in flow_dissector:/run/netns/blue",
    dissector_sections, BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR);

}  // namespace ebl::attach
