// SourceFileSystem: all that clang can see of the disk, which is next to nothing.
//
//   /ebl/own/ebl/*.h       our headers (bpf_templates/), embedded
//   /ebl/own/bpf/*.h       wrappers: libbpf's header of that name, then our additions to
//   it /ebl/libbpf/bpf/*.h    libbpf's headers, embedded /ebl/kernel/... <linux/*.h>,
//   <net/*.h>, <stdint.h> and the like: all one header, for
//                          types come from BTF; vmlinux.h, also where one lies on disk
//   an allowed directory   regular files of at most 16 MiB, opened with openat2 beneath
//   it
// Everything else does not exist or is refused.
#pragma once

#include <llvm/ADT/StringSet.h>
#include <llvm/Support/VirtualFileSystem.h>

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "compile/clang/dialect.h"
#include "compile/clang/read_file.h"

namespace ebl::compile {

class SourceFileSystem : public llvm::vfs::FileSystem {
 public:
  /// `directories` are absolute; one that cannot be opened is as if it were empty. Where
  /// `words` is not null, bpf_helper_defs.h has only the helpers that are among them or
  /// that the headers of this dialect use: declaring all 211 takes time in each compile.
  SourceFileSystem(std::span<const std::string> directories, Dialect dialect,
                   const llvm::StringSet<>* words);

  /// What was read from disk.
  const std::set<ReadFile>& files_read() const { return files_read_; }
  /// Absolute paths that #include looked for in vain: with one of them the text might
  /// mean something else.
  const std::set<std::string>& files_missing() const { return files_missing_; }

  /// The text of <ebl/tracepoints.h>; empty by default.
  void serve_tracepoints(std::string text) { tracepoints_ = std::move(text); }

  llvm::ErrorOr<llvm::vfs::Status> status(const llvm::Twine& path) override;
  llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> openFileForRead(
      const llvm::Twine& path) override;
  llvm::vfs::directory_iterator dir_begin(const llvm::Twine& path,
                                          std::error_code& error) override;
  std::error_code setCurrentWorkingDirectory(const llvm::Twine&) override { return {}; }
  llvm::ErrorOr<std::string> getCurrentWorkingDirectory() const override { return "/"; }
  std::error_code getRealPath(const llvm::Twine& path,
                              llvm::SmallVectorImpl<char>& output) override;

 private:
  struct Root {
    std::string path;
    UniqueFd fd;
  };
  std::optional<std::string> served(const std::string& path) const;
  llvm::ErrorOr<UniqueFd> open_allowed(const std::string& path, unsigned flags);

  std::vector<Root> roots_;
  std::set<ReadFile> files_read_;
  std::set<std::string> files_missing_;
  Dialect dialect_;
  const llvm::StringSet<>* words_;
  std::string tracepoints_;
};

/// Text of a header that is served from memory; nullopt when `path` is none.
std::optional<std::string> served_header(std::string_view path);

/// The text of bpf_helper_defs.h without the helpers that are neither in `words` nor used
/// by the served headers of this dialect themselves.
std::string select_helpers(llvm::StringRef definitions, Dialect dialect,
                           const llvm::StringSet<>& words);

}  // namespace ebl::compile
