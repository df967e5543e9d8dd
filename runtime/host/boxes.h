// The userdata that more than one binding handles.
#pragma once

#include "attach/link.h"
#include "host/lua_value.h"
#include "load/kernel_objects.h"
#include "load/object.h"

namespace ebl::host {

inline constexpr const char* kObject = "bpf object";
inline constexpr const char* kLink = "bpf link";
using ObjectBox = Box<load::Object>;
using LinkBox = Box<attach::Link>;

/// Pushes {name, type, key_size, value_size, max_entries, flags, key_type, value_type,
/// record_type, tag, fd}.
void push_map(lua_State* lua, const load::Map& map);

/// object:attach(program, spec, options) -> link | nil, err. The program is loaded.
int attach_program(lua_State* lua);

/// The object of the kernel that the arguments name: how ("path", "id", "name"), what.
Result<UniqueFd> open_existing(lua_State* lua, const load::ObjectKind& kind);

}  // namespace ebl::host
