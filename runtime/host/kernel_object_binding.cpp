// What maps and programs of the kernel have in common: how they are found, and pins.
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"

namespace ebl::host {

Result<UniqueFd> open_existing(lua_State* lua, const load::ObjectKind& kind) {
  const std::string_view how = luaL_checkstring(lua, 1);
  if (how == "id")
    return load::open_with_id(kind, static_cast<std::uint32_t>(luaL_checknumber(lua, 2)));
  const char* what = luaL_checkstring(lua, 2);
  return how == "path" ? load::open_pinned(kind, what) : load::open_with_name(kind, what);
}

namespace {

/// host.pin(fd, what, path) -> true | nil, err. `what` names it in messages.
int pin(lua_State* lua) {
  const int fd = static_cast<int>(luaL_checkinteger(lua, 1));
  const char* what = luaL_checkstring(lua, 2);
  const char* path = luaL_checkstring(lua, 3);
  return finish(lua, load::pin(fd, what, path));
}

constexpr luaL_Reg kFunctions[] = {{"pin", pin}, {nullptr, nullptr}};

}  // namespace

void register_kernel_object(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
