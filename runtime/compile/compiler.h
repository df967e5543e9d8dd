// Compiler: C text -> BPF object bytes, by a server process that forks once for each
// compile.
//
// LLVM 19's BPF back end keeps a static map of CO-RE globals, so the second compile in
// one process crashes; and the host should not carry LLVM's memory. So the first compile
// forks a server, which closes every inherited descriptor, sets PR_SET_PDEATHSIG and
// no_new_privs, drops its capabilities, opens compiler.so and indexes the kernel's BTF;
// each compile is a fork of that server. Object and diagnostics come back through a
// memfd. A compile may take 10 s of processor time and 2 GiB of memory; past that, and
// when the compiler crashes, the result is an Error.
//
// A Compiler is used by one thread. It is the only part of compile/ that the host links.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace ebl::compile {

struct Options {
  std::string library;                    ///< path of compiler.so
  std::string btf_path;                   ///< the kernel's BTF (btf::kernel_btf_path())
  std::uint32_t time_limit_seconds = 10;  ///< of processor time, for one compile
  std::uint64_t memory_limit_bytes = 2ull << 30;  ///< of one compile
  int interrupt_fd = -1;  ///< when it becomes readable, a compile ends; not owned
};

struct Request {
  std::string text;       ///< the whole C text, its #line directives included
  std::string name;       ///< its file name in diagnostics before the first #line
  std::string directory;  ///< where `#include "x.h"` looks; empty: nowhere
  std::string dialect;    ///< "bcc" or "libbpf"; empty: told from the text
  std::string tracefs;    ///< where it is mounted, for tracepoint records; may be empty
  std::vector<std::string>
      flags;  ///< the user's: those of compile/flags.h; others are refused
  /// For Output::listing: "ir", "asm", "relocs"; empty: none. "bpf", or "native ADDRESS"
  /// for this machine's own: `text` is bare instructions, and only listed.
  std::string listing;
};

/// A file as the compiler found it.
struct SourceFile {
  std::string path;    ///< absolute
  std::string digest;  ///< XXH3-128 of its content, 32 hexadecimal digits
};

struct Output {
  std::vector<std::byte> object;  ///< a BPF ELF file with BTF
  std::string warnings;           ///< clang's text, empty when there is none
  /// The files that the object stands on: those that #include read from disk, and the BTF
  /// of kernel modules.
  std::vector<SourceFile> files;
  /// Absolute paths that #include looked for in vain.
  std::vector<std::string> missing;
  /// As asked for: the optimised IR, the instructions under their C lines, or the CO-RE
  /// relocations.
  std::string listing;
};

/// Everything of a request that decides its result, as bytes: the text, its name, the
/// checked flags and the directories. Fails where compile() would: a flag is refused.
Result<std::string> encode(const Request& request);

class Compiler {
 public:
  /// Starts the server and returns at once; the first compile waits until it is ready, so
  /// starting it early overlaps its set-up with the caller's work. Fails where fork fails
  /// or `library` is not readable. The server lives as long as the Compiler and the
  /// thread that called start(): the kernel ties PR_SET_PDEATHSIG to a thread.
  static Result<Compiler> start(const Options& options);

  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;
  /// Ends the server and waits for it.
  ~Compiler();

  /// A mistake in the text is Code::compile: `message` the first error's own line,
  /// `location` its place (after #line), `detail` clang's whole text with carets, at most
  /// 20 errors. Missing BTF is Code::not_supported, and only when the text needs a kernel
  /// type. A refused flag is Code::invalid. A compile that is out of time or memory is
  /// Code::compile, a crash of clang Code::internal; the server lives on. Where the
  /// server itself has died, a new one is started, once. Code::interrupted: interrupt_fd
  /// became readable, and the server is gone.
  Result<Output> compile(const Request& request);

 private:
  struct Server;
  explicit Compiler(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace ebl::compile
