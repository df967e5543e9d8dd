// Finding a program or a shared library by name: "libc", "libssl.so.3", "bash".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl::symbols {

struct CachedLibrary {
  std::string name;  ///< "libc.so.6"
  std::string path;
};

/// The libraries of this machine's own kind in the dynamic linker's cache, in its order.
/// Code::invalid for bytes of another format. (glibc's format since 2.2: the magic
/// "glibc-ld.so.cache1.1", counts, entries of 24 bytes with offsets into the file's
/// strings.)
Result<std::vector<CachedLibrary>> parse_library_cache(std::span<const std::byte> bytes);

/// What find_binary() calls the libraries in the dynamic linker's cache, sorted: "libc".
std::vector<std::string> library_names();

/// The file behind `name`: a path (with a '/') as it is; a library by its full name or
/// the part before ".so", from /etc/ld.so.cache; a program from PATH. Code::not_found
/// names near libraries.
Result<std::string> find_binary(const std::string& name);

}  // namespace ebl::symbols
