// struct_ops:MAP, a struct of the kernel's functions whose members are programs: a TCP
// congestion control. The map belongs to the object of its programs. Since Linux 6.4 it
// takes effect by a link; before, by being written to, and for good, so a keeper owns it.
#include "load/struct_ops.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/keeper.h"
#include "attach/kind.h"
#include "attach/link_create.h"
#include "btf/btf.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

// They tell the type only: the map that has the program as a member is what is attached.
constexpr std::string_view sections[] = {"struct_ops", "struct_ops.s"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  if (!is_name(rest))
    return malformed(fmt::format("'{}' is not the name of a map", rest));
  spec.target = rest;
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.target;
}

std::string names_no_hook(std::string_view) {
  return "";
}

/// What the kernel wants of one of its structs. It says EINVAL for all that is missing.
struct Wanted {
  std::string_view type;
  std::string_view members;                  ///< for the hint
  std::span<const std::string_view> needed;  ///< functions
  std::span<const std::string_view> either;  ///< one of these as well
  std::string_view otherwise;                ///< where all functions are there
};
constexpr std::string_view tcp_needed[] = {"ssthresh", "undo_cwnd"};
constexpr std::string_view tcp_either[] = {"cong_avoid", "cong_control"};
constexpr Wanted wanted_structs[] = {
    {"tcp_congestion_ops",
     ".name, .ssthresh, .undo_cwnd and one of .cong_avoid and .cong_control", tcp_needed,
     tcp_either,
     ".name is missing, longer than 15 characters or of others than letters, digits, '_' "
     "and '.', or .flags has one that programs may not set"},
};

/// The kernel's struct that a map is, and the functions of it that its object has
/// programs for: libbpf has turned each program's attach type into a member's number.
struct Members {
  std::string type;
  std::vector<std::string> implemented;
};
Members members_of(const bpf_object* object, const bpf_map* map) {
  Members found;
  const Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (!kernel || ::bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &size) != 0 ||
      info.btf_vmlinux_value_type_id >= kernel->type_count())
    return found;
  constexpr std::string_view prefix = "bpf_struct_ops_";
  std::string_view name = kernel->name(info.btf_vmlinux_value_type_id);
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  const auto type = kernel->find(btf::Kind::structure, name);
  if (!type) return found;
  found.type = name;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_prog_info of_program{};
    size = sizeof of_program;
    const auto member =
        static_cast<std::uint32_t>(bpf_program__expected_attach_type(program));
    const bool ours =
        bpf_program__type(program) == BPF_PROG_TYPE_STRUCT_OPS &&
        ::bpf_obj_get_info_by_fd(bpf_program__fd(program), &of_program, &size) == 0;
    // Before 6.0 the kernel does not tell the struct; then it is taken for this one.
    const bool of_type = !of_program.attach_btf_id || of_program.attach_btf_id == *type;
    if (ours && of_type && member < kernel->count(*type))
      found.implemented.emplace_back(kernel->member(*type, member).name);
  }
  return found;
}

Error refused_members(const ProbeSpec& spec, const Members& members) {
  const auto wanted = std::ranges::find(wanted_structs, members.type, &Wanted::type);
  if (wanted == std::end(wanted_structs))
    return attach_error(
        Code::invalid,
        fmt::format(
            "the kernel refuses {}: {}: a member that {} must have is missing, or "
            "one has a value that it does not take",
            spec.target, errno_text(EINVAL), members.type));
  const auto has = [&](std::string_view name) {
    return std::ranges::find(members.implemented, name) != members.implemented.end();
  };
  std::vector<std::string> missing;
  for (const std::string_view name : wanted->needed)
    if (!has(name)) missing.push_back(fmt::format(".{}", name));
  if (std::ranges::none_of(wanted->either, has))
    missing.push_back(fmt::format(".{}", fmt::join(wanted->either, " or .")));
  const std::string reason = missing.empty()
                                 ? std::string(wanted->otherwise)
                                 : fmt::format("{} {} missing", fmt::join(missing, ", "),
                                               missing.size() == 1 ? "is" : "are");
  return attach_error(Code::invalid,
                      fmt::format("the kernel refuses {}: {}", spec.target, reason),
                      fmt::format("{} needs {}", members.type, wanted->members));
}

/// The kernel's refusal of what was written to the map, or of the link to it.
Error refused(const ProbeSpec& spec, const bpf_object* object, const bpf_map* map,
              int error) {
  if (error == EINVAL) return refused_members(spec, members_of(object, map));
  if (error == EEXIST)
    return attach_error(
        Code::invalid,
        fmt::format("the kernel refuses {}: it has one of that name already",
                    spec.target),
        "choose another .name; sysctl net.ipv4.tcp_available_congestion_control lists "
        "those of TCP");
  if (error == EBUSY)
    return attach_error(Code::invalid,
                        fmt::format("{} is attached already, or was: before Linux 6.4 a "
                                    "struct_ops takes effect once",
                                    spec.target),
                        "load the object again");
  if (error == EBADF)
    return attach_error(
        Code::invalid, fmt::format("{}: not all of its programs are loaded", spec.text()),
        "write SEC(\"struct_ops/...\") for them, without a '?'");
  return attach_errno(spec, error,
                      {Capability::bpf, Capability::net_admin, Capability::perfmon});
}

/// Writes the struct, with its programs, to the map: 0 or an errno.
int fill(const bpf_map* map) {
  bpf_link* link = bpf_map__attach_struct_ops(map);
  if (!link) return errno;
  bpf_link__disconnect(link);  // it would empty the map
  bpf_link__destroy(link);
  return 0;
}

Holding attach_by_keeper(const ProbeSpec& spec, const bpf_object* object,
                         const bpf_map* map) {
  const int fd = bpf_map__fd(map);
  std::vector<int> fds = {fd};
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const bool ours = bpf_program__type(program) == BPF_PROG_TYPE_STRUCT_OPS;
    if (ours && bpf_program__fd(program) >= 0) fds.push_back(bpf_program__fd(program));
  }
  auto holder = std::make_unique<KeeperHolder>();
  const std::uint32_t zero = 0;
  const int error = holder->keeper().start({
      .make = [=] { return fill(map); },
      .undo = [=] { ::bpf_map_delete_elem(fd, &zero); },
      .fds = std::move(fds),
  });
  if (error == 0) return Holding(std::move(holder));
  return refused(spec, object, map, error);
}

Holding attach_struct_ops(load::Program program, const ProbeSpec& spec, const Options&) {
  const bpf_map* map = bpf_object__find_map_by_name(program.object, spec.target.c_str());
  if (!map || bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
    return attach_error(
        map ? Code::invalid : Code::not_found,
        fmt::format("{}: there is no such struct_ops map", spec.text()),
        "declare it: SEC(\".struct_ops\") struct tcp_congestion_ops NAME = { … };");
  if ((bpf_map__map_flags(map) & load::kStructOpsLink) == 0)
    return attach_by_keeper(spec, program.object, map);
  // EBUSY: it was written to before, and its link is closed, or the next call will tell.
  if (const int error = fill(map); error != 0 && error != EBUSY)
    return refused(spec, program.object, map, error);
  UniqueFd link = create_link(bpf_map__fd(map), {.type = type_struct_ops});
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  return refused(spec, program.object, map, errno);
}

}  // namespace

constinit const KindInfo struct_ops_kind = {
    .kind = Kind::struct_ops,
    .word = "struct_ops",
    .form = "struct_ops:MAP, as in struct_ops:my_reno",
    .sections = sections,
    .options = {},
    .type = BPF_PROG_TYPE_STRUCT_OPS,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = names_no_hook,
    .prepare = nullptr,
    .attach = attach_struct_ops,
    .kept = [] { return load::kernel_has_struct_ops_links() ? ""sv : "struct_ops"sv; },
};

}  // namespace ebl::attach
