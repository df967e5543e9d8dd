// Between C++ values and the Lua stack.
//
// The rule for every function that Lua calls: check all arguments first, with
// luaL_check*, while no C++ object with a destructor is alive; then do the work, which
// cannot raise; then push results. Failures are returned, never raised: `nil, err`
// (fail()).
#pragma once

#include <lua.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "btf/layout.h"

namespace ebl::host {

void push(lua_State* lua, std::string_view text);

/// Pushes the error as Lua sees it: a table {stage, code, message, hint, detail,
/// location, exit_code} whose __tostring is "place: message".
void push_error(lua_State* lua, const Error& error);

/// `nil, err`; returns 2, for `return fail(...)`.
int fail(lua_State* lua, const Error& error);

/// `true`, or `nil, err`.
int finish(lua_State* lua, const Result<void>& result);

/// Pushes {types = {...}, root = n}, places counted from 1, as lua/bpf/decode reads it.
void push_layout(lua_State* lua, const btf::Layout& layout);

/// The strings of the list at `index`; values that are not strings are left out.
std::vector<std::string> strings_at(lua_State* lua, int index);

/// Field `name` of the table at `index`, or the empty string.
std::string string_field(lua_State* lua, int index, const char* name);

/// Sets `name` in the table on top of the stack.
void set_field(lua_State* lua, const char* name, std::string_view value);
void set_field(lua_State* lua, const char* name, lua_Number value);
void set_flag(lua_State* lua, const char* name, bool value);

/// A full userdata that owns one T. `Name` is its metatable's name; close() and __gc
/// destroy the T, and both may be called again.
template <typename T>
struct Box {
  using Value = T;
  T* value;

  static void push(lua_State* lua, T value, const char* name) {
    auto* box = static_cast<Box*>(lua_newuserdata(lua, sizeof(Box)));
    box->value = nullptr;
    luaL_getmetatable(lua, name);
    lua_setmetatable(lua, -2);
    box->value = new T(std::move(value));
  }
  static Box* check(lua_State* lua, int index, const char* name) {
    return static_cast<Box*>(luaL_checkudata(lua, index, name));
  }
  /// Raises when the thing has been closed.
  static T& open(lua_State* lua, int index, const char* name) {
    Box* box = check(lua, index, name);
    if (!box->value) {
      luaL_error(lua, "%s is closed", name);
      __builtin_unreachable();  // luaL_error does not return, but does not say so
    }
    return *box->value;
  }
  void close() { delete std::exchange(value, nullptr); }
};

/// Registers the metatable `name` with `methods`, and `close` (also as __gc).
void register_type(lua_State* lua, const char* name, const luaL_Reg* methods,
                   lua_CFunction close);

}  // namespace ebl::host
