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

void push_facts(lua_State* lua, const load::Listed& one) {
  lua_newtable(lua);
  set_field(lua, "id", one.id);
  for (const load::Fact& fact : one.facts) {
    if (fact.is_number)
      set_field(lua, fact.name.c_str(), fact.number);
    else
      set_field(lua, fact.name.c_str(), std::string_view(fact.text));
  }
}

/// host.program_info(fd) -> {id=, map_ids={…}, fact=…} | nil, err
int program_info(lua_State* lua) {
  const Result<load::Listed> found =
      load::describe_program(static_cast<int>(luaL_checkinteger(lua, 1)));
  if (!found) return fail(lua, found.error());
  push_facts(lua, *found);
  set_numbers(lua, "map_ids", found->maps);
  return 1;
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
    push_facts(lua, one);
    if (list == load::list_programs) set_numbers(lua, "map_ids", one.maps);
    set_numbers(lua, "pids", one.holders);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"program_info", program_info},
                                   {"list_programs", push_list<load::list_programs>},
                                   {"list_maps", push_list<load::list_maps>},
                                   {"list_links", push_list<load::list_links>},
                                   {nullptr, nullptr}};

}  // namespace

void register_inventory(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
