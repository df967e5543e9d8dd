// The C interface of compiler.so: the whole of what the host knows about Clang and LLVM.
//
// The server opens the library with dlopen, checks ebl_compiler_abi() and calls
// ebl_compiler_init() once; each forked child calls ebl_compiler_compile() once and
// exits. LLVM 19's BPF back end keeps a static map of CO-RE globals, so a second compile
// in one process may crash. Nothing here prints, throws, or is safe for threads. All
// strings are UTF-8 with an explicit length where they may hold a NUL.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Goes up with every change of a declaration here; the server refuses another value.
#define EBL_COMPILER_ABI 2u

/// What is read from BTF and kept over all compiles.
struct ebl_compiler;

struct ebl_compile_request {
  const char* text;
  size_t text_size;
  const char* name;              ///< file name in diagnostics
  const char* dialect;           ///< "bcc", "libbpf" or empty: told from the text
  const char* tracefs;           ///< its mount point, or empty
  const char* const* arguments;  ///< checked cc1 arguments (flags.h)
  size_t argument_count;
  const char* const*
      directories;  ///< absolute; #include may read below them, nowhere else
  size_t directory_count;
  /// What to write beside the object: "", "ir", "asm" or "relocs". Or, where `text` is
  /// bare instructions and there is no object: "bpf", "native ADDRESS" (hexadecimal).
  const char* listing;

  /// Called instead of abort() when LLVM gives up, with its reason; must not return.
  void (*fatal)(void* context, const char* reason);
  /// Called when memory has run out; must not allocate and must not return.
  void (*out_of_memory)(void* context);
  void* context;
};

enum ebl_compile_status {
  EBL_COMPILE_OK = 0,
  EBL_COMPILE_ERRORS = 1,  ///< clang refused the text
  EBL_COMPILE_NO_BTF = 2,  ///< it names a kernel type, and there is no BTF to find it in
};

/// The first error's place and text, and everything that clang printed. The pointers are
/// the library's and stay valid until the process ends.
struct ebl_compile_result {
  enum ebl_compile_status status;
  const uint8_t* object;
  size_t object_size;
  const char* diagnostics;  ///< warnings, or errors and warnings, with carets
  const char* message;      ///< first error in one line; empty on success
  const char* hint;         ///< may be empty
  const char* file;         ///< may be empty
  unsigned line;
  unsigned column;
  const char* files_read;     ///< those that it stands on: "digest path", one a line
  const char* files_missing;  ///< paths that #include looked for in vain, one a line
  const char* listing;        ///< what the request asked for; empty without
};

uint32_t ebl_compiler_abi(void);

/// Indexes the BTF at `btf_path`. Never fails: BTF that cannot be read is an error of
/// those compiles that need a kernel type.
struct ebl_compiler* ebl_compiler_init(const char* btf_path);

struct ebl_compile_result ebl_compiler_compile(struct ebl_compiler* compiler,
                                               const struct ebl_compile_request* request);

#ifdef __cplusplus
}
#endif
