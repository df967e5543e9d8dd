// Whole files, read with care: regular ones, to a bound, never waiting for a pipe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ebl {

/// The content of `path`, relative to `directory` (or AT_FDCWD); symbolic links are
/// followed. Files of the kernel that claim to be empty are read to their end.
Result<std::string> read_file(int directory, const std::string& path, std::size_t most);

/// Writes all of it; false with errno set where that is not possible.
bool write_all(int fd, std::string_view bytes);

/// The rest of an open file, to its end.
Result<std::string> read_open_file(int fd, const std::string& path, std::size_t most);

}  // namespace ebl
