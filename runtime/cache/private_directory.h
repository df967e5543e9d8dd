// A directory that nobody else can have written to.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::cache {

/// Opens the directory at the absolute `path`, and makes it (mode 0700) where it is
/// missing. The way there is walked from / on descriptors: every ancestor must belong to
/// root or to this process's user and be writable for no one else (a sticky one like /tmp
/// passes), and so must every symbolic link. The directory itself must be no link, belong
/// to this user and have mode 0700. The Error says which part is not so.
Result<UniqueFd> open_private_directory(const std::string& path);

}  // namespace ebl::cache
