// Names for addresses and enumerators, and where the kernel's file systems are.
#include <fmt/format.h>

#include <cstdlib>

#include "base/mounts.h"
#include "btf/layout.h"
#include "host/bindings.h"
#include "host/lua_value.h"
#include "symbols/kernel.h"
#include "symbols/user.h"

namespace ebl::host {
namespace {

constexpr const char* kSymbols = "user symbols";
using SymbolsBox = Box<symbols::UserSymbols>;

/// host.tracefs() -> mount point | nil, err. Mounts it where it is missing and we may.
int tracefs(lua_State* lua) {
  Result<std::string> point = ensure_mounted("tracefs", "/sys/kernel/tracing");
  if (!point) return fail(lua, point.error());
  push(lua, *point);
  return 1;
}

Result<std::int64_t> kernel_enumerator(const std::string& name) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  return btf::enumerator_value(*kernel, name);
}

/// host.kernel_enumerator(name) -> number | nil, err
int enumerator(lua_State* lua) {
  Result<std::int64_t> value = kernel_enumerator(luaL_checkstring(lua, 1));
  if (!value) return fail(lua, value.error());
  lua_pushnumber(lua, static_cast<lua_Number>(*value));
  return 1;
}

Result<btf::Layout> kernel_layout(const std::string& name) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  Result<btf::TypeId> id = btf::type_by_name(*kernel, name);
  if (!id) return id.take_error();
  return btf::layout_of(*kernel, *id);
}

/// host.kernel_layout(name) -> {types, root} | nil, err
int layout(lua_State* lua) {
  Result<btf::Layout> found = kernel_layout(luaL_checkstring(lua, 1));
  if (!found) return fail(lua, found.error());
  push_layout(lua, *found);
  return 1;
}

/// host.ksym(address in hexadecimal) -> name, offset, module | nil, err (no err: no
/// symbol)
int ksym(lua_State* lua) {
  const std::uint64_t address = std::strtoull(luaL_checkstring(lua, 1), nullptr, 16);
  Result<const symbols::KernelSymbols*> known = symbols::KernelSymbols::get();
  if (!known) return fail(lua, known.error());
  const std::optional<symbols::KernelSymbol> found = (*known)->at(address);
  if (!found) {
    lua_pushnil(lua);
    return 1;
  }
  push(lua, found->name);
  lua_pushnumber(lua, static_cast<lua_Number>(address - found->address));
  push(lua, found->module);
  return 3;
}

/// host.ksym_address(name) -> address in hexadecimal | nil, err (no err: no such symbol)
int ksym_address(lua_State* lua) {
  const std::string name = luaL_checkstring(lua, 1);
  Result<const symbols::KernelSymbols*> known = symbols::KernelSymbols::get();
  if (!known) return fail(lua, known.error());
  const std::optional<symbols::KernelSymbol> found = (*known)->find(name);
  if (found)
    push(lua, fmt::format("{:x}", found->address));
  else
    lua_pushnil(lua);
  return 1;
}

/// host.user_symbols() -> a cache of processes' symbols
int user_symbols(lua_State* lua) {
  SymbolsBox::push(lua, symbols::UserSymbols(get_places(lua).symbolizer), kSymbols);
  return 1;
}

/// symbols:resolve(pid, address in hexadecimal, lines) -> {name, offset, module, file,
/// line} | nil, err
int symbols_resolve(lua_State* lua) {
  symbols::UserSymbols& known = SymbolsBox::open(lua, 1, kSymbols);
  const int pid = static_cast<int>(luaL_checkinteger(lua, 2));
  const std::uint64_t address = std::strtoull(luaL_checkstring(lua, 3), nullptr, 16);
  Result<symbols::UserSymbol> found = known.resolve(pid, address, lua_toboolean(lua, 4));
  if (!found) return fail(lua, found.error());
  lua_createtable(lua, 0, 5);
  set_field(lua, "name", found->name);
  set_field(lua, "offset", static_cast<lua_Number>(found->offset));
  set_field(lua, "module", found->module);
  if (!found->file.empty()) {
    set_field(lua, "file", found->file);
    set_field(lua, "line", static_cast<lua_Number>(found->line));
  }
  return 1;
}

/// symbols:prototype(path, function) -> {{name=, type=, place=}…, result=} | nil, err
int symbols_prototype(lua_State* lua) {
  symbols::UserSymbols& known = SymbolsBox::open(lua, 1, kSymbols);
  const char* path = luaL_checkstring(lua, 2);
  const char* function = luaL_checkstring(lua, 3);
  const Result<symbols::UserPrototype> found = known.prototype(path, function);
  if (!found) return fail(lua, found.error());
  lua_newtable(lua);
  int number = 0;
  for (const symbols::UserPrototype::Parameter& each : found->parameters) {
    lua_createtable(lua, 0, 3);
    set_field(lua, "name", each.name);
    set_field(lua, "type", each.type);
    set_field(lua, "place", each.place);
    lua_rawseti(lua, -2, ++number);
  }
  set_field(lua, "result", found->result);
  return 1;
}

/// symbols:forget(pid): what is kept of a process
int symbols_forget(lua_State* lua) {
  SymbolsBox::open(lua, 1, kSymbols).forget(static_cast<int>(luaL_checkinteger(lua, 2)));
  return 0;
}

int symbols_close(lua_State* lua) {
  SymbolsBox::check(lua, 1, kSymbols)->close();
  return 0;
}

constexpr luaL_Reg kSymbolMethods[] = {{"resolve", symbols_resolve},
                                       {"prototype", symbols_prototype},
                                       {"forget", symbols_forget},
                                       {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"tracefs", tracefs},
                                   {"kernel_enumerator", enumerator},
                                   {"kernel_layout", layout},
                                   {"ksym", ksym},
                                   {"ksym_address", ksym_address},
                                   {"user_symbols", user_symbols},
                                   {nullptr, nullptr}};

}  // namespace

void register_look_ups(lua_State* lua) {
  register_type(lua, kSymbols, kSymbolMethods, symbols_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
