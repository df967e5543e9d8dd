// Which header names are answered from memory, and with what.
#include <llvm/ADT/StringExtras.h>

#include <algorithm>
#include <array>

#include "compile/clang/embedded_headers.h"
#include "compile/clang/file_system.h"

namespace ebl::compile {
namespace {

constexpr std::string_view kOwn = "/ebl/own/";
constexpr std::string_view kKernel = "/ebl/kernel/";

/// Our additions to a header of libbpf.
struct Addition {
  std::string_view header;
  std::string_view addition;
};
constexpr auto kAdditions = std::to_array<Addition>({
    {"bpf/bpf_helpers.h", "ebl/helpers_extra.h"},
    {"bpf/bpf_tracing.h", "ebl/tracing_extra.h"},
    {"bpf/bpf_core_read.h", "ebl/core_read_extra.h"},
});

/// Directories of kernel and C headers whose types are in BTF.
constexpr auto kKernelDirectories = std::to_array<std::string_view>(
    {"linux/",  "uapi/",  "asm/",    "asm-generic/", "net/",   "netinet/", "arpa/",
     "sys/",    "bcc/",   "scsi/",   "sound/",       "rdma/",  "drm/",     "vdso/",
     "crypto/", "trace/", "kernel/", "xen/",         "video/", "misc/",    "mtd/",
     "acpi/",   "block/", "fs/",     "bits/",        "gnu/"});

/// C headers at the top.
constexpr auto kPlainHeaders = std::to_array<std::string_view>(
    {"stddef.h",  "stdint.h",   "stdbool.h", "stdarg.h",   "string.h",
     "strings.h", "stdlib.h",   "limits.h",  "errno.h",    "inttypes.h",
     "unistd.h",  "time.h",     "signal.h",  "fcntl.h",    "stdio.h",
     "ctype.h",   "features.h", "endian.h",  "byteswap.h", "assert.h"});

bool is_kernel_header(std::string_view name) {
  if (!name.ends_with(".h") || name.find("..") != std::string_view::npos) return false;
  return std::ranges::find(kPlainHeaders, name) != kPlainHeaders.end() ||
         std::ranges::any_of(kKernelDirectories,
                             [&](std::string_view d) { return name.starts_with(d); });
}

std::optional<std::string> embedded(std::string_view path) {
  for (const EmbeddedHeader& header : embedded_headers())
    if (header.path == path) return std::string(header.text);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> served_header(std::string_view path) {
  if (path.ends_with("/vmlinux.h")) return "";
  if (path.starts_with(kKernel)) {
    if (!is_kernel_header(path.substr(kKernel.size()))) return std::nullopt;
    if (path.substr(kKernel.size()) == "bcc/proto.h")
      return "#include <ebl/bcc_proto.h>\n";
    return "#include <ebl/kernel.h>\n";
  }
  if (path.starts_with(kOwn)) {
    const std::string_view name = path.substr(kOwn.size());
    if (name == "bpf/usdt.bpf.h") return embedded("own/usdt.h");
    if (name.starts_with("ebl/")) return embedded("own/" + std::string(name.substr(4)));
    for (const Addition& addition : kAdditions)
      if (addition.header == name)
        return "#pragma once\n#include_next <" + std::string(name) + ">\n#include <" +
               std::string(addition.addition) + ">\n";
    return std::nullopt;
  }
  if (path.starts_with("/ebl/")) return embedded(path.substr(5));
  return std::nullopt;
}

namespace {

/// The helper that a line of bpf_helper_defs.h declares: static long (*bpf_x)(...) = ...
llvm::StringRef helper_of(llvm::StringRef line) {
  if (!line.starts_with("static ")) return {};
  llvm::StringRef name = line.split("(*").second.ltrim();
  name.consume_front("const ");
  return name.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// All words of the dialect's headers but bpf_helper_defs.h that could be helpers.
llvm::StringSet<> words_of_headers(Dialect dialect) {
  llvm::StringSet<> words;
  for (const EmbeddedHeader& header : embedded_headers()) {
    if (header.path.ends_with("bpf_helper_defs.h")) continue;
    if (header.path.starts_with("own/bcc") && dialect != Dialect::bcc) continue;
    llvm::StringRef rest(header.text);
    for (std::size_t at; (at = rest.find("bpf_")) != llvm::StringRef::npos;) {
      rest = rest.substr(at);
      const llvm::StringRef word =
          rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
      words.insert(word);
      rest = rest.substr(word.size());
    }
  }
  return words;
}

}  // namespace

std::string select_helpers(llvm::StringRef definitions, Dialect dialect,
                           const llvm::StringSet<>& words) {
  const llvm::StringSet<> used = words_of_headers(dialect);
  std::string out;
  while (!definitions.empty()) {
    llvm::StringRef line;
    std::tie(line, definitions) = definitions.split('\n');
    const llvm::StringRef helper = helper_of(line);
    if (helper.empty() || words.contains(helper) || used.contains(helper))
      out.append(line).push_back('\n');
  }
  return out;
}

}  // namespace ebl::compile
