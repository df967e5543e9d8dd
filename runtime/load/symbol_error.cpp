#include "load/symbol_error.h"

#include <array>
#include <charconv>
#include <regex>

#include "base/nearest.h"
#include "btf/btf.h"
#include "load/line_info.h"

namespace ebl::load {
namespace {

using btf::Btf;
using btf::Kind;
using btf::TypeId;

/// "task_struct___v2" -> "task_struct": libbpf ignores what follows three underscores.
std::string without_flavour(const std::string& name) {
  return name.substr(0, name.find("___"));
}

bool is_record(const Btf& types, TypeId id) {
  return types.kind(id) == Kind::structure || types.kind(id) == Kind::union_type;
}

void collect_members(const Btf& types, TypeId id, std::vector<std::string>& out) {
  for (std::uint32_t i = 0; i < types.count(id); i++) {
    const btf::Member member = types.member(id, i);
    if (!member.name.empty())
      out.emplace_back(member.name);
    else if (const TypeId inner = types.resolve(member.type); is_record(types, inner))
      collect_members(types, inner, out);
  }
}

std::vector<std::string> names_of(const Btf& types, bool (*wanted)(const Btf&, TypeId)) {
  std::vector<std::string> names;
  for (TypeId id = types.first_id(); id < types.type_count(); id++)
    if (wanted(types, id) && !types.name(id).empty()) names.emplace_back(types.name(id));
  return names;
}

std::optional<Btf> kernel_types(const LoadFailure& failure) {
  Result<Btf> types = Btf::from_file(failure.btf_path.empty() ? "/sys/kernel/btf/vmlinux"
                                                              : failure.btf_path);
  if (!types) return std::nullopt;
  return std::move(*types);
}

/// The C line of the relocation, which the verifier log names by its instruction.
void place(const LoadFailure& failure, const std::string& program, Error& error) {
  static const std::regex kPoisoned(R"((\d{1,9}): <invalid (?:CO-RE|kfunc|ksym)[^>]*>)");
  std::smatch match;
  if (!std::regex_search(failure.verifier_log, match, kPoisoned)) return;
  const auto line =
      LineTable::read(failure.elf).find(program, std::stoul(match[1].str()));
  if (!line) return;
  error.location = line->location;
  error.notes = "  " + std::to_string(line->location.line) + " | " + line->text + "\n";
}

Error relocation_error(const LoadFailure& failure, const std::string& program,
                       const std::string& type, const std::string& members) {
  Error error{.stage = Stage::load, .code = Code::not_supported};
  const std::string kernel_type = without_flavour(type);
  const std::string exists =
      "where older or newer kernels may lack it, test first: if "
      "(bpf_core_field_exists(p->member)) …";
  error.message = "program '" + program + "': this kernel has no struct " + kernel_type;
  const auto types = kernel_types(failure);
  std::vector<std::string> near;
  if (types) {
    auto id = types->find(Kind::structure, kernel_type);
    if (!id) id = types->find(Kind::union_type, kernel_type);
    std::vector<std::string> candidates;
    if (id) {
      error.message = "program '" + program + "': this kernel's struct " + kernel_type +
                      " has no member '" + members + "'";
      collect_members(*types, *id, candidates);
    } else {
      candidates = names_of(*types, is_record);
    }
    near = nearest(id ? members.substr(0, members.find_first_of(".[")) : kernel_type,
                   candidates);
  }
  for (std::size_t i = 0; i < near.size(); i++)
    error.hint += (i ? ", '" : "did you mean '") + near[i] + "'";
  error.hint += near.empty() ? exists : "? Else " + exists;
  place(failure, program, error);
  error.detail = failure.libbpf_log + failure.verifier_log;
  return error;
}

Error missing_function(const LoadFailure& failure, const std::string& name) {
  Error error{.stage = Stage::load, .code = Code::not_supported};
  error.message =
      "neither the kernel nor its modules have a function '" + name + "' (__ksym)";
  if (const auto types = kernel_types(failure)) {
    static constexpr auto kIsFunction = [](const Btf& btf, TypeId id) {
      return btf.kind(id) == Kind::function && btf.name(id).starts_with("bpf_");
    };
    error.hint = did_you_mean(name, names_of(*types, kIsFunction));
  }
  if (error.hint.empty())
    error.hint =
        "declare it __weak and test with bpf_ksym_exists() where it may be missing";
  return error;
}

}  // namespace

std::optional<Error> unresolved_name(const LoadFailure& failure,
                                     const std::string& program) {
  const std::string log = failure.libbpf_log + failure.verifier_log;
  static const std::regex kRelocation(
      R"(failed to resolve CO-RE relocation <[^>]*> \[\d+\] (?:struct|union) (\w+)\.?([\w.\[\]]*))");
  static const std::regex kAnyRelocation(
      R"(failed to resolve CO-RE relocation <[^>]*> \[\d+\] ([^\n]*))");
  static const std::regex kFunction(
      R"(extern \(func ksym\) '(\w+)': not found in kernel)");
  static const std::regex kPrototype(
      R"(extern \(func ksym\) '(\w+)': func_proto .* incompatible)");
  static const std::regex kVariable(
      R"(extern \(var ksym\) '(\w+)': (?:not found in kernel|has incompatible|incompatible))");
  static const std::regex kStrong(R"(extern '(\w+)' \(strong\): not resolved)");
  std::smatch match;
  Error error{.stage = Stage::load, .code = Code::not_supported};
  if (std::regex_search(log, match, kRelocation)) {
    return relocation_error(failure, program, match[1], match[2]);
  }
  if (std::regex_search(log, match, kAnyRelocation)) {
    error.message =
        "program '" + program +
        "' asks for something that this kernel's types lack: " + match[1].str();
    error.hint =
        "test for it first with bpf_core_type_exists() or "
        "bpf_core_enum_value_exists()";
    place(failure, program, error);
  } else if (std::regex_search(log, match, kFunction)) {
    error = missing_function(failure, match[1]);
  } else if (std::regex_search(log, match, kPrototype)) {
    error.code = Code::invalid;
    error.message =
        "the declaration of '" + match[1].str() + "' (__ksym) differs from the kernel's";
    error.hint = "drop the declaration: kernel functions are known from BTF";
  } else if (std::regex_search(log, match, kVariable)) {
    error.message =
        "the kernel's BTF has no variable '" + match[1].str() + "' of that type";
    error.hint = "BTF has per-CPU variables only: declare others as `extern const void " +
                 match[1].str() + " __ksym`, whose address can be taken";
  } else if (std::regex_search(log, match, kStrong)) {
    const std::string name = match[1];
    const bool is_option = name.starts_with("CONFIG_");
    error.message = is_option
                        ? "the kernel's configuration has no " + name + " (__kconfig)"
                        : "the kernel has no symbol '" + name + "' (__ksym)";
    error.hint = "declare it __weak where it may be missing: it is 0 then";
  } else {
    return std::nullopt;
  }
  error.detail = log;
  return error;
}

Error open_failure(const std::string& object, const std::string& warning) {
  static const std::regex kExtern(R"(failed to find BTF for extern '(\w+)')");
  static const std::regex kField(R"(map '(\w+)': unknown field '(\w+)')");
  static const std::regex kShared(
      R"(struct_ops reloc (\w+): cannot use prog (\w+) .*func ptr (\w+))");
  static const std::regex kIncomplete(R"(map '(\w+)': can't determine (key|value) size)");
  Error error{.stage = Stage::load, .code = Code::invalid};
  std::smatch match;
  if (std::regex_search(warning, match, kIncomplete)) {
    error.message = "map '" + match[1].str() + "' of '" + object + "': the type of its " +
                    match[2].str() + " is declared and defined nowhere";
    error.hint = "define it, or mend its name: it has no size";
  } else if (std::regex_search(warning, match, kShared)) {
    error.message = "program '" + match[2].str() + "' cannot be ." + match[3].str() +
                    " of '" + match[1].str() + "': it is another member already";
    error.hint = "write a program for each member, with SEC(\"struct_ops/" +
                 match[3].str() + "\")";
  } else if (std::regex_search(warning, match, kExtern)) {
    error.message =
        "'" + match[1].str() + "' is declared in '" + object + "' and defined nowhere";
    error.hint =
        "define it, or drop its declaration if it is a kernel function (those "
        "are known from BTF; elsewhere they are declared __ksym)";
  } else if (std::regex_search(warning, match, kField)) {
    static const std::vector<std::string> kFields = {
        "type",       "key",     "value",     "max_entries", "map_flags", "key_size",
        "value_size", "pinning", "numa_node", "values",      "map_extra"};
    error.message =
        "map '" + match[1].str() + "' has no attribute '" + match[2].str() + "'";
    error.hint = did_you_mean(match[2].str(), kFields);
  } else {
    error.message = "cannot open BPF object '" + object + "': " + warning;
  }
  return error;
}

Error unknown_section(const std::string& program, const std::string& section) {
  static const std::vector<std::string> kSections = {"tracepoint",
                                                     "raw_tracepoint",
                                                     "tp_btf",
                                                     "kprobe",
                                                     "kretprobe",
                                                     "ksyscall",
                                                     "kretsyscall",
                                                     "uprobe",
                                                     "uretprobe",
                                                     "usdt",
                                                     "fentry",
                                                     "fexit",
                                                     "fmod_ret",
                                                     "freplace",
                                                     "lsm",
                                                     "iter",
                                                     "xdp",
                                                     "tc",
                                                     "tcx",
                                                     "socket",
                                                     "perf_event",
                                                     "syscall",
                                                     "sockops",
                                                     "sk_lookup",
                                                     "sk_msg",
                                                     "sk_reuseport",
                                                     "sk_skb",
                                                     "struct_ops",
                                                     "flow_dissector",
                                                     "cgroup_skb",
                                                     "cgroup",
                                                     "cgroup/connect4",
                                                     "cgroup/sysctl",
                                                     "cgroup/dev",
                                                     "netfilter"};
  const std::string head = section.substr(0, section.find('/'));
  Error error{.stage = Stage::load, .code = Code::invalid};
  error.message =
      "program '" + program + "': SEC(\"" + section + "\") names no kind of program";
  error.hint = did_you_mean(head, kSections);
  if (error.hint.empty())
    error.hint =
        "for example SEC(\"tracepoint/syscalls/sys_enter_execve\"), SEC(\"xdp\")";
  return error;
}

}  // namespace ebl::load
