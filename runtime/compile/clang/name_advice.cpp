#include "compile/clang/name_advice.h"

#include <algorithm>
#include <array>
#include <regex>

#include "base/nearest.h"
#include "compile/clang/embedded_headers.h"
#include "compile/clang/predefined_names.h"

namespace ebl::compile {
namespace {

struct Advice {
  std::string_view name;
  std::string_view text;
};

/// Functions that C and the kernel have and BPF has not.
constexpr std::array kInstead = {
    Advice{"printf",
           "BPF has no C library: use bpf_printk(), and bpf.trace_pipe() to "
           "read it; or send a record through a ring buffer"},
    Advice{"fprintf", "BPF has no C library: use bpf_printk()"},
    Advice{"puts", "BPF has no C library: use bpf_printk()"},
    Advice{"printk", "use bpf_printk()"},
    Advice{"pr_info", "use bpf_printk()"},
    Advice{"sprintf", "use BPF_SNPRINTF(), or format in Lua"},
    Advice{"snprintf", "use BPF_SNPRINTF(), or format in Lua"},
    Advice{"strlen",
           "BPF has no C library: bpf_probe_read_kernel_str() returns the "
           "length with the final NUL"},
    Advice{"strcmp", "use bpf_strncmp(string, size, \"constant\"), or compare in Lua"},
    Advice{"strncmp", "use bpf_strncmp(string, size, \"constant\"), or compare in Lua"},
    Advice{"strcpy", "use bpf_probe_read_kernel_str() or bpf_probe_read_user_str()"},
    Advice{"strncpy", "use bpf_probe_read_kernel_str() or bpf_probe_read_user_str()"},
    Advice{"strstr", "search in Lua: send the string in a record"},
    Advice{"malloc",
           "memory comes from maps: a value, a ring-buffer record, or a "
           "PERCPU_ARRAY of one entry as scratch"},
    Advice{"kmalloc",
           "memory comes from maps: a value, a ring-buffer record, or a "
           "PERCPU_ARRAY of one entry as scratch"},
    Advice{"free", "memory comes from maps and is not freed: delete the element"},
    Advice{"sleep", "a program may not wait: use bpf.every() in Lua, or a bpf_timer"},
    Advice{"getpid", "use bpf_get_current_pid_tgid() >> 32"},
    Advice{"gettid", "use (u32)bpf_get_current_pid_tgid()"},
    Advice{"time", "use bpf_ktime_get_ns()"},
    Advice{"current", "use (struct task_struct *)bpf_get_current_task()"},
    Advice{"get_current", "use (struct task_struct *)bpf_get_current_task()"},
    Advice{"copy_from_user", "use bpf_probe_read_user()"},
    Advice{"exit", "end the program with return"},
    Advice{"htons", "use bpf_htons()"},
    Advice{"ntohs", "use bpf_ntohs()"},
    Advice{"htonl", "use bpf_htonl()"},
    Advice{"ntohl", "use bpf_ntohl()"},
};

struct Header {
  std::string_view begin;
  std::string_view header;
};

/// Macros and functions by the header that a text with #include lines needs for them.
constexpr std::array kHeaders = {
    Header{"BPF_CORE_", "bpf/bpf_core_read.h"},
    Header{"bpf_core_", "bpf/bpf_core_read.h"},
    Header{"PT_REGS_", "bpf/bpf_tracing.h"},
    Header{"BPF_PROG", "bpf/bpf_tracing.h"},
    Header{"BPF_KPROBE", "bpf/bpf_tracing.h"},
    Header{"BPF_KRETPROBE", "bpf/bpf_tracing.h"},
    Header{"BPF_KSYSCALL", "bpf/bpf_tracing.h"},
    Header{"BPF_UPROBE", "bpf/bpf_tracing.h"},
    Header{"BPF_SEQ_PRINTF", "bpf/bpf_tracing.h"},
    Header{"bpf_htons", "bpf/bpf_endian.h"},
    Header{"bpf_ntohs", "bpf/bpf_endian.h"},
    Header{"bpf_htonl", "bpf/bpf_endian.h"},
    Header{"bpf_ntohl", "bpf/bpf_endian.h"},
    Header{"bpf_usdt_", "bpf/usdt.bpf.h"},
    Header{"BPF_USDT", "bpf/usdt.bpf.h"},
    Header{"SEC", "bpf/bpf_helpers.h"},
    Header{"__uint", "bpf/bpf_helpers.h"},
    Header{"__type", "bpf/bpf_helpers.h"},
    Header{"__always_inline", "bpf/bpf_helpers.h"},
    Header{"__noinline", "bpf/bpf_helpers.h"},
    Header{"bpf_printk", "bpf/bpf_helpers.h"},
    Header{"bpf_", "bpf/bpf_helpers.h"},
};

std::string missing_include(const TextTraits& traits, std::string_view name) {
  if (!traits.has_include) return "";
  for (const Header& header : kHeaders)
    if (name.starts_with(header.begin))
      return "a text with an #include gets only what it includes: add #include <" +
             std::string(header.header) + ">, or drop all its #include lines";
  return "";
}

/// The helpers of libbpf's header and of ours: "(*bpf_ktime_get_ns)(" or "(* const …)(".
std::vector<std::string> helper_names() {
  static const std::regex kHelper(R"(\(\s*\*\s*(?:const\s+)?(bpf_\w+)\)\s*\()");
  std::vector<std::string> names;
  for (const EmbeddedHeader& header : embedded_headers()) {
    if (header.path.find("helper") == std::string_view::npos) continue;
    for (std::cregex_iterator at(header.text.begin(), header.text.end(), kHelper), end;
         at != end; ++at)
      names.push_back((*at)[1]);
  }
  return names;
}

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

void collect_members(const btf::Btf& btf, btf::TypeId id, std::vector<std::string>& out) {
  for (std::uint32_t i = 0; i < btf.count(id); i++) {
    const btf::Member member = btf.member(id, i);
    if (!member.name.empty()) {
      out.emplace_back(member.name);
      continue;
    }
    const btf::TypeId inner = btf.resolve(member.type);
    if (btf.kind(inner) == btf::Kind::structure ||
        btf.kind(inner) == btf::Kind::union_type)
      collect_members(btf, inner, out);
  }
}

std::string advise_member(KernelBtf& kernel, const std::string& member,
                          const std::string& type) {
  const auto found = kernel.find(NameSort::tag, type);
  if (!found) return "";
  const btf::Btf& btf = kernel.unit(found->unit).btf;
  std::vector<std::string> members;
  collect_members(btf, found->named.id, members);
  const std::string near = did_you_mean(member, members);
  const std::string of = "struct " + type + " of this kernel has no '" + member + "'";
  if (!near.empty()) return of + ": " + near;
  if (members.size() > 16 || members.empty()) return of;
  std::string list = of + "; it has";
  for (std::size_t i = 0; i < members.size(); i++) list += (i ? ", " : " ") + members[i];
  return list;
}

std::string advise_tag(KernelBtf& kernel, const std::string& name) {
  const std::string near = did_you_mean(name, kernel.names(NameSort::tag));
  if (!near.empty()) return near;
  return "neither the kernel nor its loaded modules have a struct " + name +
         ": define it, or load the module that has it (modprobe)";
}

std::string advise_name(KernelBtf& kernel, const TextTraits& traits,
                        const std::string& name, bool is_call) {
  if (std::string hint = missing_include(traits, name); !hint.empty()) return hint;
  for (const Advice& advice : kInstead)
    if (advice.name == name) return std::string(advice.text);
  const std::vector<std::string> kfuncs = kernel.names(NameSort::kfunc);
  if (is_call) {
    if (kernel.has_function(name))
      return "'" + name +
             "' is a function of the kernel that BPF programs cannot call: attach to it "
             "(kprobe:" +
             name + ", fentry:" + name +
             "), or look for a helper or kfunc that does the "
             "same";
    return did_you_mean(name, joined({helper_names(), kfuncs}));
  }
  return did_you_mean(
      name, joined({predefined_names(), kernel.names(NameSort::enumerator),
                    kernel.names(NameSort::definition), helper_names(), kfuncs}));
}

}  // namespace

std::string advise(KernelBtf& kernel, const TextTraits& traits,
                   const std::string& message, const std::string& line) {
  static const std::regex kMember(
      R"(no member named '(\w+)' in '(?:const |volatile )*(?:struct|union) (\w+)')");
  static const std::regex kTag(
      R"(incomplete (?:definition of )?type '(?:const |volatile )*(?:struct|union) (\w+)')");
  static const std::regex kCall(R"(call to undeclared (?:library )?function '(\w+)')");
  static const std::regex kName(R"((?:undeclared identifier|unknown type name) '(\w+)')");
  std::smatch match;
  if (message.find("did you mean") != std::string::npos) return "";
  if (std::regex_search(message, match, kMember))
    return advise_member(kernel, match[1], match[2]);
  if (std::regex_search(message, match, kTag)) return advise_tag(kernel, match[1]);
  if (std::regex_search(message, match, kCall))
    return advise_name(kernel, traits, match[1], true);
  if (std::regex_search(message, match, kName))
    return advise_name(kernel, traits, match[1], false);
  if (line.find("SEC(") != std::string::npos && !traits.words.contains("bpf_helpers"))
    return missing_include(traits, "SEC");
  return "";
}

}  // namespace ebl::compile
