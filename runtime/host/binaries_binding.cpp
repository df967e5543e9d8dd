// Programs and libraries: where they are, their functions' addresses, their static
// probes.
#include <fmt/format.h>

#include "host/bindings.h"
#include "host/lua_value.h"
#include "symbols/elf_file.h"
#include "symbols/library.h"
#include "symbols/usdt.h"

namespace ebl::host {
namespace {

using symbols::UsdtArgument;

/// host.find_binary(name) -> path | nil, err
int find_binary(lua_State* lua) {
  Result<std::string> path = symbols::find_binary(luaL_checkstring(lua, 1));
  if (!path) return fail(lua, path.error());
  push(lua, *path);
  return 1;
}

/// host.binary_addresses(path) -> {name = virtual address} | nil, err
int binary_addresses(lua_State* lua) {
  const Result<symbols::ElfFile> file = symbols::ElfFile::open(luaL_checkstring(lua, 1));
  if (!file) return fail(lua, file.error());
  lua_newtable(lua);
  for (const auto& [name, address] : file->function_addresses())
    set_field(lua, name.c_str(), static_cast<lua_Number>(address));
  return 1;
}

void push_register(lua_State* lua, const symbols::UsdtRegister& place) {
  lua_createtable(lua, 0, 2);
  set_field(lua, "member", place.member);
  set_field(lua, "shift", place.shift);
}

std::string_view kind_name(UsdtArgument::Kind kind) {
  switch (kind) {
    case UsdtArgument::Kind::constant: return "constant";
    case UsdtArgument::Kind::in_register: return "register";
    case UsdtArgument::Kind::memory: return "memory";
    case UsdtArgument::Kind::unreadable: break;
  }
  return "unreadable";
}

void push_argument(lua_State* lua, const UsdtArgument& argument) {
  lua_createtable(lua, 0, 9);
  set_field(lua, "text", argument.text);
  set_field(lua, "kind", kind_name(argument.kind));
  set_field(lua, "size", argument.size);
  set_flag(lua, "signed", argument.is_signed);
  set_flag(lua, "floating", argument.floating);
  // As C writes it: a constant may pass 2^53, and the lowest one has no literal.
  set_field(lua, "value",
            fmt::format("{:#x}ULL", static_cast<std::uint64_t>(argument.value)));
  set_field(lua, "scale", argument.scale);
  if (argument.base) {
    push_register(lua, *argument.base);
    lua_setfield(lua, -2, "base");
  }
  if (argument.index) {
    push_register(lua, *argument.index);
    lua_setfield(lua, -2, "index");
  }
}

void push_location(lua_State* lua, const symbols::UsdtLocation& location) {
  lua_createtable(lua, 0, 5);
  set_field(lua, "address", static_cast<lua_Number>(location.address));
  set_field(lua, "offset", static_cast<lua_Number>(location.offset));
  set_field(lua, "semaphore", static_cast<lua_Number>(location.semaphore));
  set_field(lua, "argument_set", location.argument_set);
  lua_createtable(lua, static_cast<int>(location.arguments.size()), 0);
  int place = 0;
  for (const UsdtArgument& argument : location.arguments) {
    push_argument(lua, argument);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, "arguments");
}

/// host.usdt_probes(path) -> list of {provider, name, locations = {{address, offset,
/// semaphore, argument_set, arguments = {{text, kind, size, signed, floating, value,
/// base, index, scale}}}}} | nil, err
int usdt_probes(lua_State* lua) {
  const Result<std::vector<symbols::UsdtProbe>> probes =
      symbols::usdt_probes(luaL_checkstring(lua, 1));
  if (!probes) return fail(lua, probes.error());
  lua_createtable(lua, static_cast<int>(probes->size()), 0);
  int place = 0;
  for (const symbols::UsdtProbe& probe : *probes) {
    lua_createtable(lua, 0, 3);
    set_field(lua, "provider", probe.provider);
    set_field(lua, "name", probe.name);
    lua_createtable(lua, static_cast<int>(probe.locations.size()), 0);
    int location_place = 0;
    for (const symbols::UsdtLocation& location : probe.locations) {
      push_location(lua, location);
      lua_rawseti(lua, -2, ++location_place);
    }
    lua_setfield(lua, -2, "locations");
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"find_binary", find_binary},
                                   {"binary_addresses", binary_addresses},
                                   {"usdt_probes", usdt_probes},
                                   {nullptr, nullptr}};

}  // namespace

void register_binaries(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
