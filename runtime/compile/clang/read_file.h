// ReadFile: a file that an object stands on, with what it held when it was compiled.
#pragma once

#include <llvm/Support/FormatVariadic.h>
#include <llvm/Support/xxhash.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace ebl::compile {

struct ReadFile {
  std::string path;    ///< absolute
  std::string digest;  ///< XXH3-128 of the content, 32 hexadecimal digits

  ReadFile(std::string file, std::string_view content) : path(std::move(file)) {
    const llvm::XXH128_hash_t hash = llvm::xxh3_128bits(
        {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
    digest = llvm::formatv("{0:x-16}{1:x-16}", hash.high64, hash.low64).str();
  }
  auto operator<=>(const ReadFile&) const = default;
};

}  // namespace ebl::compile
