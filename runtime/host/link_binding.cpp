// Links: what is attached.
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"

namespace ebl::host {
namespace {

/// link:spec() -> string
int link_spec(lua_State* lua) {
  push(lua, LinkBox::open(lua, 1, kLink).spec().text());
  return 1;
}

/// link:pin(path) -> true | nil, err
int link_pin(lua_State* lua) {
  const attach::Link& link = LinkBox::open(lua, 1, kLink);
  return finish(lua, link.pin(luaL_checkstring(lua, 2)));
}

/// link:update(object, program) -> true | nil, err. The program is loaded.
int link_update(lua_State* lua) {
  const attach::Link& link = LinkBox::open(lua, 1, kLink);
  const load::Object& object = ObjectBox::open(lua, 2, kObject);
  Result<load::Program> program = object.program(luaL_checkstring(lua, 3));
  if (!program) return fail(lua, program.error());
  return finish(lua, link.update(*program));
}

/// link:info() -> {id?, program_id?, missed?, functions?, left_out?} | nil, err
int link_info(lua_State* lua) {
  Result<attach::LinkInfo> info = LinkBox::open(lua, 1, kLink).info();
  if (!info) return fail(lua, info.error());
  lua_createtable(lua, 0, 5);
  if (info->id != 0) set_field(lua, "id", info->id);
  if (info->program_id != 0) set_field(lua, "program_id", info->program_id);
  if (info->functions) {
    set_field(lua, "functions", static_cast<lua_Number>(info->functions->attached));
    set_field(lua, "left_out", static_cast<lua_Number>(info->functions->left_out));
  }
  if (info->missed) set_field(lua, "missed", static_cast<lua_Number>(*info->missed));
  return 1;
}

/// link:read() -> all that the program of an iterator writes | nil, err
int link_read(lua_State* lua) {
  Result<std::string> bytes = attach::read_iterator(LinkBox::open(lua, 1, kLink));
  if (!bytes) return fail(lua, bytes.error());
  push(lua, *bytes);
  return 1;
}

int link_close(lua_State* lua) {
  LinkBox* const box = LinkBox::check(lua, 1, kLink);
  if (box->value) box->value->close();
  box->close();
  return 0;
}

/// host.close_links(list): detaches all together, so that the kernel's waits overlap
int close_links(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const int count = static_cast<int>(lua_objlen(lua, 1));
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(lua, 1, i);
    LinkBox::check(lua, -1, kLink);
    lua_pop(lua, 1);
  }
  std::vector<attach::Link*> links;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(lua, 1, i);
    links.push_back(static_cast<LinkBox*>(lua_touserdata(lua, -1))->value);
    lua_pop(lua, 1);
  }
  attach::close_all(links);
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"spec", link_spec},     {"pin", link_pin},
                                 {"update", link_update}, {"info", link_info},
                                 {"read", link_read},     {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"close_links", close_links}, {nullptr, nullptr}};

}  // namespace

void register_link(lua_State* lua) {
  register_type(lua, kLink, kMethods, link_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
