#include "compile/clang/invocation.h"

#include <sys/utsname.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <iterator>

namespace ebl::compile {
namespace {

/// The name that libbpf's bpf_tracing.h knows this machine by.
constexpr const char* kTargetMacro =
#if defined(__x86_64__)
    "__TARGET_ARCH_x86";
#elif defined(__aarch64__)
    "__TARGET_ARCH_arm64";
#elif defined(__riscv)
    "__TARGET_ARCH_riscv";
#elif defined(__s390__)
    "__TARGET_ARCH_s390";
#elif defined(__powerpc__)
    "__TARGET_ARCH_powerpc";
#elif defined(__arm__)
    "__TARGET_ARCH_arm";
#else
    "__TARGET_ARCH_unknown";
#endif

/// What BCC compiles with: its front end's target is the host, in the kernel's tree.
constexpr const char* kBccArguments[] = {
#if defined(__x86_64__)
    "-D__x86_64__",
    "-D__x86_64",
    "-D__amd64__",
    "-D__amd64",
    "-Dbpf_target_x86",
#elif defined(__aarch64__)
    "-D__aarch64__",
    "-Dbpf_target_arm64",
#elif defined(__riscv)
    "-D__riscv",
    "-Dbpf_target_riscv64",
#elif defined(__s390x__)
    "-D__s390x__",
    "-D__s390__",
    "-Dbpf_target_s390x",
#elif defined(__powerpc64__)
    "-D__powerpc64__",
    "-D__powerpc__",
    "-Dbpf_target_powerpc",
#endif
#ifdef __CHAR_UNSIGNED__
    "-fno-signed-char",
#endif
    "-D__linux__",
    "-D__unix__",
    "-D__KERNEL__",
    "-D__BPF_TRACING__",
    "-DCONFIG_CC_IS_CLANG",
    "-DKBUILD_MODNAME=\"bcc\"",
    "-fms-extensions",
    // A key of another integer type than the map's is common there.
    "-Wno-incompatible-pointer-types",
    "-Wno-microsoft",
    "-include",
    "ebl/bcc.h",
    "-include",
    "ebl/tracepoints.h",
};

/// LINUX_VERSION_CODE of the running kernel, for <linux/version.h>.
std::string kernel_version_macro() {
  utsname name;
  unsigned major = 0, minor = 0, patch = 0;
  if (::uname(&name) == 0) std::sscanf(name.release, "%u.%u.%u", &major, &minor, &patch);
  const unsigned code = (major << 16) + (minor << 8) + std::min(patch, 255u);
  return "-D__EBL_LINUX_VERSION_CODE=" + std::to_string(code);
}

/// Only such a text gets <bpf/usdt.bpf.h> unasked: its maps would be in every object.
bool reads_static_probes(const TextTraits& traits) {
  static constexpr llvm::StringRef words[] = {"BPF_USDT", "bpf_usdt_arg",
                                              "bpf_usdt_arg_cnt", "bpf_usdt_cookie"};
  return std::ranges::any_of(
      words, [&](llvm::StringRef word) { return traits.words.contains(word); });
}

}  // namespace

std::vector<std::string> front_end_arguments(const TextTraits& traits, Dialect dialect,
                                             std::span<const std::string> user,
                                             std::span<const std::string> directories) {
  std::vector<std::string> arguments = {
      "-triple",
      std::endian::native == std::endian::little ? "bpfel" : "bpfeb",
      "-emit-obj",
      "-x",
      "c",
      "-std=gnu17",
      "-O2",
      "-target-cpu",
      "v3",
      "-mrelocation-model",
      "static",
      "-disable-free",
      // BTF is made from the debug information of -g. The lines of the text go into
      // BTF.ext by way of the module (source_lines.h), never from a file.
      "-debug-info-kind=constructor",
      "-dwarf-version=5",
      "-fdebug-compilation-dir=.",
      "-nostdsysteminc",
      "-nobuiltininc",
      "-ferror-limit",
      "20",
      "-fmessage-length=0",
      // libbpf's headers choose the kernel's register names by this; ours are always
      // BTF's.
      "-D__VMLINUX_H__",
      kernel_version_macro(),
      "-Wuninitialized",
      "-Wsometimes-uninitialized",
      // A text's own definition of one of our macros wins, and kernel types often do not
      // fit what clang expects of a C program.
      "-Wno-macro-redefined",
      "-Wno-pointer-sign",
      "-Wno-address-of-packed-member",
      "-Wno-compare-distinct-pointer-types",
      "-Wno-gnu-variable-sized-type-not-at-end",
      "-Wno-unknown-warning-option",
  };
  const bool flags_set_target = std::ranges::any_of(
      user, [](const std::string& flag) { return flag.starts_with("-D__TARGET_ARCH_"); });
  if (!traits.sets_target && !flags_set_target)
    arguments.push_back(std::string("-D") + kTargetMacro);
  for (const std::string& directory : directories) {
    arguments.push_back("-I");
    arguments.push_back(directory);
  }
  for (const char* served : {"/ebl/own", "/ebl/libbpf", "/ebl/kernel"}) {
    arguments.push_back("-internal-isystem");
    arguments.push_back(served);
  }
  if (dialect == Dialect::bcc) {
    arguments.insert(arguments.end(), std::begin(kBccArguments), std::end(kBccArguments));
  } else if (!traits.has_include) {
    arguments.push_back("-include");
    arguments.push_back("ebl/ebpf_lua.h");
    if (reads_static_probes(traits)) {
      arguments.push_back("-include");
      arguments.push_back("bpf/usdt.bpf.h");
    }
  }
  if (dialect == Dialect::libbpf && !traits.tracepoints.empty()) {
    arguments.push_back("-include");
    arguments.push_back("ebl/tracepoints.h");
  }
  arguments.insert(arguments.end(), user.begin(), user.end());
  return arguments;
}

}  // namespace ebl::compile
