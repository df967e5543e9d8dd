// Maps outside of an object: opened by number, name or pin; and what is done to any map
// by its descriptor.
#include "btf/layout.h"
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"
#include "load/map_ops.h"
#include "load/opened_map.h"

namespace ebl::host {

void push_map(lua_State* lua, const load::Map& map) {
  lua_createtable(lua, 0, 11);
  set_field(lua, "name", map.name);
  set_field(lua, "type", load::map_type_name(map.type));
  set_field(lua, "key_size", map.key_size);
  set_field(lua, "value_size", map.value_size);
  set_field(lua, "max_entries", map.max_entries);
  set_field(lua, "flags", map.flags);
  set_field(lua, "key_type", map.key_type);
  set_field(lua, "value_type", map.value_type);
  set_field(lua, "record_type", map.record_type);
  set_field(lua, "tag", map.tag);
  set_field(lua, "fd", map.fd);
  if (!map.memory.empty()) {
    lua_pushlightuserdata(lua, map.memory.data());
    lua_setfield(lua, -2, "memory");
    set_field(lua, "memory_size", static_cast<lua_Number>(map.memory.size()));
  }
}

namespace {

constexpr const char* kMap = "bpf map";
using MapBox = Box<load::OpenedMap>;

/// host.open_map(how, what) -> map | nil, err. `how` is "path", "id" or "name".
int open_map(lua_State* lua) {
  Result<UniqueFd> fd = open_existing(lua, load::map_kind);
  if (!fd) return fail(lua, fd.error());
  Result<load::OpenedMap> map = load::OpenedMap::of(std::move(*fd));
  if (!map) return fail(lua, map.error());
  MapBox::push(lua, std::move(*map), kMap);
  return 1;
}

/// map:maps() -> a list of this one map, in the form of object:maps()
int map_maps(lua_State* lua) {
  const load::OpenedMap& map = MapBox::open(lua, 1, kMap);
  lua_createtable(lua, 1, 0);
  push_map(lua, map.map());
  lua_rawseti(lua, -2, 1);
  return 1;
}

/// map:layout(type_id) -> {types, root} | nil, err
int map_layout(lua_State* lua) {
  const load::OpenedMap& map = MapBox::open(lua, 1, kMap);
  const auto id = static_cast<btf::TypeId>(luaL_checkinteger(lua, 2));
  if (!map.btf()) return luaL_argerror(lua, 2, "the map has no types");
  Result<btf::Layout> layout = btf::layout_of(*map.btf(), id);
  if (!layout) return fail(lua, layout.error());
  push_layout(lua, *layout);
  return 1;
}

/// map:type_id(name) -> number | nil, err
int map_type_id(lua_State* lua) {
  const load::OpenedMap& map = MapBox::open(lua, 1, kMap);
  const char* name = luaL_checkstring(lua, 2);
  if (!map.btf())
    return fail(lua, {.stage = Stage::load,
                      .code = Code::not_found,
                      .message = "the map was made without types"});
  Result<btf::TypeId> id = btf::type_by_name(*map.btf(), name);
  if (!id) return fail(lua, id.error());
  lua_pushnumber(lua, *id);
  return 1;
}

int map_close(lua_State* lua) {
  MapBox::check(lua, 1, kMap)->close();
  return 0;
}

/// host.freeze_map(fd) -> true | nil, err
int freeze_map(lua_State* lua) {
  return finish(lua, load::freeze_map(static_cast<int>(luaL_checkinteger(lua, 1))));
}

/// host.map_state(fd) -> {id, memory, frozen}
int map_state(lua_State* lua) {
  const load::MapState state =
      load::map_state(static_cast<int>(luaL_checkinteger(lua, 1)));
  lua_createtable(lua, 0, 3);
  set_field(lua, "id", state.id);
  set_field(lua, "memory", static_cast<lua_Number>(state.memory));
  set_flag(lua, "frozen", state.frozen);
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"maps", map_maps},
                                 {"layout", map_layout},
                                 {"type_id", map_type_id},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"open_map", open_map},
                                   {"freeze_map", freeze_map},
                                   {"map_state", map_state},
                                   {nullptr, nullptr}};

}  // namespace

void register_map(lua_State* lua) {
  register_type(lua, kMap, kMethods, map_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
