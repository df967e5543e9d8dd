// Entry: one compiled object with all that must be as it was for the object to be used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl::cache {

struct FileDigest {
  std::string path;    ///< absolute
  std::string digest;  ///< of its content (digest.h)
};

struct Entry {
  std::string object;                ///< BPF ELF bytes
  std::string warnings;              ///< what clang said when it compiled
  std::vector<FileDigest> files;     ///< that #include read, and modules' BTF
  std::vector<std::string> missing;  ///< paths that #include looked for in vain
};

/// The bytes of an entry's file: its key and a digest guard them.
std::string encode(const std::string& key, const Entry& entry);

/// Fails where the bytes are not what encode() made for that key.
Result<Entry> decode(const std::string& key, std::string_view bytes);

/// Whether every file still holds what it held, and every missing one is still missing.
bool up_to_date(const Entry& entry);

}  // namespace ebl::cache
