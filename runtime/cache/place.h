// Where the object cache of this process's user is.
#pragma once

#include <optional>
#include <string>

namespace ebl::cache {

/// $EBPF_LUA_CACHE_DIR where set; for root /var/cache/ebpf-lua; for others
/// $XDG_CACHE_HOME/ebpf-lua or $HOME/.cache/ebpf-lua, where that is their own. nullopt:
/// there is no place for one.
std::optional<std::string> directory_path();

}  // namespace ebl::cache
