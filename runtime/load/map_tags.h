// What an object file says of a map beside its definition: tags of BTF on its variable,
// "ebl:WHAT", which the map macros of BCC C make.
#pragma once

#include <bpf/libbpf.h>

#include <map>
#include <string>

#include "base/result.h"
#include "btf/btf.h"

namespace ebl::load {

/// By map: "pin=PATH", "public", "shared" or "extern".
using MapTags = std::map<std::string, std::string, std::less<>>;

MapTags read_map_tags(const btf::Btf& types);

/// Has libbpf use the map that is pinned at `path`, or make one and pin it there, when
/// the object is loaded. Makes the directories that lack, and mounts bpffs at
/// /sys/fs/bpf where there is none.
Result<void> pin_at(bpf_map* map, const std::string& path);

/// Puts the map behind `fd`, of whatever kind, in the place of `declared`, which says
/// "extern": the sizes of key and value must agree.
Result<void> import_map(bpf_map* declared, int fd);

}  // namespace ebl::load
