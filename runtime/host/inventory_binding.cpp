// The kernel's programs, maps and links as lists of plain tables.
#include "host/bindings.h"
#include "host/lua_value.h"
#include "load/inventory.h"

namespace ebl::host {
namespace {

template <typename Number>
void set_numbers(lua_State* lua, const char* name, const std::vector<Number>& numbers) {
  lua_createtable(lua, static_cast<int>(numbers.size()), 0);
  int place = 0;
  for (const Number number : numbers) {
    lua_pushnumber(lua, static_cast<lua_Number>(number));
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, name);
}

/// host.list_programs() and its like -> {{id=, pids={…}, map_ids={…}, fact=…}…} | nil,
/// err
template <auto list>
int push_list(lua_State* lua) {
  const Result<std::vector<load::Listed>> found = list();
  if (!found) return fail(lua, found.error());
  lua_createtable(lua, static_cast<int>(found->size()), 0);
  int place = 0;
  for (const load::Listed& one : *found) {
    lua_newtable(lua);
    set_field(lua, "id", one.id);
    for (const load::Fact& fact : one.facts) {
      if (fact.is_number)
        set_field(lua, fact.name.c_str(), fact.number);
      else
        set_field(lua, fact.name.c_str(), std::string_view(fact.text));
    }
    if (list == load::list_programs) set_numbers(lua, "map_ids", one.maps);
    set_numbers(lua, "pids", one.holders);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"list_programs", push_list<load::list_programs>},
                                   {"list_maps", push_list<load::list_maps>},
                                   {"list_links", push_list<load::list_links>},
                                   {nullptr, nullptr}};

}  // namespace

void register_inventory(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
