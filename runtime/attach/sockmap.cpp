// sockmap:MAP:stream_parser|stream_verdict|verdict|sk_msg: programs of a sockmap or
// sockhash, run for the sockets in it. The map belongs to the program's object; it holds
// the program, so both are gone with the process.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/link_create.h"
#include "load/map_ops.h"

namespace ebl::attach {
namespace {

// They tell the type only: which map is for attach() to say.
constexpr std::string_view sections[] = {"sk_skb", "sk_msg"};

struct Hook {
  std::string_view word;
  HookType type;
};
constexpr Hook hooks[] = {
    {"stream_parser",
     {BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER, "sk_skb/stream_parser"}},
    {"stream_verdict",
     {BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT, "sk_skb/stream_verdict"}},
    {"verdict", {BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT, "sk_skb/verdict"}},
    {"sk_msg", {BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, "sk_msg"}},
};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return malformed("a map and a hook are wanted");
  spec.target = rest.substr(0, colon);
  spec.category = rest.substr(colon + 1);
  if (!is_name(spec.target))
    return malformed(fmt::format("'{}' is not the name of a map", spec.target));
  if (std::ranges::find(hooks, spec.category, &Hook::word) == std::end(hooks))
    return malformed(fmt::format(
        "'{}' is not stream_parser, stream_verdict, verdict or sk_msg", spec.category));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return fmt::format("{}:{}", spec.target, spec.category);
}

std::string names_no_hook(std::string_view) {
  return "";
}

HookType hook_type(const ProbeSpec& spec) {
  return std::ranges::find(hooks, spec.category, &Hook::word)->type;
}

Result<void> prepare_sockmap(load::Program program, const ProbeSpec& spec) {
  bpf_program__set_expected_attach_type(program.handle, hook_type(spec).attach_type);
  return {};
}

/// Attached by BPF_PROG_ATTACH: before 6.10 a map has no links.
class MapHolder final : public Link::Holder {
 public:
  MapHolder(UniqueFd program, UniqueFd map, bpf_attach_type type)
      : program_(std::move(program)), map_(std::move(map)), type_(type) {}
  ~MapHolder() override { MapHolder::detach(); }
  std::vector<UniqueFd> detach() override {
    if (map_) ::bpf_prog_detach2(program_.get(), map_.get(), type_);
    map_.reset();
    return {};
  }

 private:
  UniqueFd program_, map_;
  bpf_attach_type type_;
};

bool holds_sockets(int map) {
  const Result<load::MapInfo> info = load::map_info(map);
  return info &&
         (info->type == BPF_MAP_TYPE_SOCKMAP || info->type == BPF_MAP_TYPE_SOCKHASH);
}

Holding attach_sockmap(load::Program program, const ProbeSpec& spec,
                       const Options& options) {
  if (!options.map)
    return attach_error(Code::not_found,
                        fmt::format("{}: there is no such map", spec.text()));
  const bpf_attach_type type = hook_type(spec).attach_type;
  LinkRequest request;
  request.target = static_cast<std::uint32_t>(*options.map);
  request.type = type;
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int fd = bpf_program__fd(program.handle);
  if (errno == EINVAL && ::bpf_prog_attach(fd, *options.map, type, 0) == 0)
    return Holding(std::make_unique<MapHolder>(
        UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)),
        UniqueFd(::fcntl(*options.map, F_DUPFD_CLOEXEC, 3)), type));
  const int error = errno;
  if (error == EBUSY)
    return attach_error(
        Code::invalid,
        fmt::format("{}: {} has such a program already", spec.text(), spec.target),
        "close its link, or use update() on it");
  if (error == EOPNOTSUPP || error == EINVAL) {
    if (holds_sockets(*options.map))
      return attach_error(Code::not_supported,
                          fmt::format("cannot attach to {}: {}: this kernel has no {}",
                                      spec.text(), errno_text(error), spec.category));
    return attach_error(Code::invalid,
                        fmt::format("cannot attach to {}: {}: {} is not a sockmap or "
                                    "sockhash",
                                    spec.text(), errno_text(error), spec.target));
  }
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

}  // namespace

constinit const KindInfo sockmap_kind = {
    .kind = Kind::sockmap,
    .word = "sockmap",
    .form = "sockmap:MAP:HOOK, as in sockmap:sockets:stream_verdict",
    .sections = sections,
    .options = {.map = true},
    .type = BPF_PROG_TYPE_SK_SKB,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = names_no_hook,
    .prepare = prepare_sockmap,
    .attach = attach_sockmap,
    .hook_type = hook_type,
};

}  // namespace ebl::attach
