#include "host/lua_value.h"

namespace ebl::host {
namespace {

constexpr const char* kErrorType = "ebl.error";

int error_tostring(lua_State* lua) {
  lua_getfield(lua, 1, "location");
  if (lua_istable(lua, -1)) {
    lua_getfield(lua, -1, "file");
    lua_getfield(lua, -2, "line");
    lua_getfield(lua, -3, "column");
    if (lua_tointeger(lua, -1) > 0)
      lua_pushfstring(lua, "%s:%d:%d: ", lua_tostring(lua, -3),
                      static_cast<int>(lua_tointeger(lua, -2)),
                      static_cast<int>(lua_tointeger(lua, -1)));
    else
      lua_pushfstring(lua, "%s:%d: ", lua_tostring(lua, -3),
                      static_cast<int>(lua_tointeger(lua, -2)));
  } else {
    lua_pushliteral(lua, "");
  }
  lua_getfield(lua, 1, "message");
  lua_concat(lua, 2);
  return 1;
}

const char* kind_name(btf::LayoutType::Kind kind) {
  using Kind = btf::LayoutType::Kind;
  switch (kind) {
    case Kind::integer: return "int";
    case Kind::floating: return "float";
    case Kind::enumeration: return "enum";
    case Kind::pointer: return "pointer";
    case Kind::array: return "array";
    case Kind::structure: return "struct";
    case Kind::union_type: return "union";
    case Kind::opaque: return "opaque";
  }
  return "opaque";
}

constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;

void push_enumerator_value(lua_State* lua, std::uint64_t value, bool is_signed) {
  const auto as_signed = static_cast<std::int64_t>(value);
  if (is_signed ? as_signed >= -kLargestExact && as_signed <= kLargestExact
                : value <= static_cast<std::uint64_t>(kLargestExact))
    lua_pushnumber(lua, is_signed ? static_cast<lua_Number>(as_signed)
                                  : static_cast<lua_Number>(value));
  else
    push(lua, is_signed ? std::to_string(as_signed) : std::to_string(value));
}

void push_values(lua_State* lua, const btf::LayoutType& type) {
  lua_createtable(lua, static_cast<int>(type.values.size()), 0);
  int place = 0;
  for (const btf::LayoutType::Value& entry : type.values) {
    lua_createtable(lua, 0, 2);
    set_field(lua, "name", entry.name);
    push_enumerator_value(lua, entry.value, type.is_signed);
    lua_setfield(lua, -2, "value");
    lua_rawseti(lua, -2, ++place);
  }
}

void push_fields(lua_State* lua, const btf::LayoutType& type) {
  lua_createtable(lua, static_cast<int>(type.fields.size()), 0);
  int place = 0;
  for (const btf::LayoutField& field : type.fields) {
    lua_createtable(lua, 0, 4);
    if (!field.name.empty()) set_field(lua, "name", field.name);
    set_field(lua, "type", static_cast<lua_Number>(field.type + 1));
    set_field(lua, "offset", static_cast<lua_Number>(field.offset));
    if (field.bits) set_field(lua, "bits", static_cast<lua_Number>(field.bits));
    lua_rawseti(lua, -2, ++place);
  }
}

void push_type(lua_State* lua, const btf::LayoutType& type) {
  using Kind = btf::LayoutType::Kind;
  lua_createtable(lua, 0, 6);
  set_field(lua, "kind", kind_name(type.kind));
  set_field(lua, "size", static_cast<lua_Number>(type.size));
  if (!type.name.empty()) set_field(lua, "name", type.name);
  if (type.is_signed) set_flag(lua, "signed", true);
  if (type.is_bool) set_flag(lua, "bool", true);
  if (type.is_char) set_flag(lua, "char", true);
  if (type.kind == Kind::array) {
    set_field(lua, "element", static_cast<lua_Number>(type.element + 1));
    set_field(lua, "count", static_cast<lua_Number>(type.count));
  } else if (type.kind == Kind::enumeration) {
    push_values(lua, type);
    lua_setfield(lua, -2, "values");
  } else if (type.kind == Kind::structure || type.kind == Kind::union_type) {
    push_fields(lua, type);
    lua_setfield(lua, -2, "fields");
  }
}

}  // namespace

void push(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

void set_field(lua_State* lua, const char* name, std::string_view value) {
  push(lua, value);
  lua_setfield(lua, -2, name);
}

void set_field(lua_State* lua, const char* name, lua_Number value) {
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, name);
}

void set_flag(lua_State* lua, const char* name, bool value) {
  lua_pushboolean(lua, value);
  lua_setfield(lua, -2, name);
}

void push_error(lua_State* lua, const Error& error) {
  lua_createtable(lua, 0, 7);
  set_field(lua, "stage", to_string(error.stage));
  set_field(lua, "code", to_string(error.code));
  set_field(lua, "message", error.message);
  set_field(lua, "exit_code", static_cast<lua_Number>(exit_code(error)));
  if (!error.hint.empty()) set_field(lua, "hint", error.hint);
  if (!error.notes.empty()) set_field(lua, "notes", error.notes);
  if (!error.detail.empty()) set_field(lua, "detail", error.detail);
  if (!error.location.file.empty()) {
    lua_createtable(lua, 0, 3);
    set_field(lua, "file", error.location.file);
    set_field(lua, "line", static_cast<lua_Number>(error.location.line));
    set_field(lua, "column", static_cast<lua_Number>(error.location.column));
    lua_setfield(lua, -2, "location");
  }
  if (luaL_newmetatable(lua, kErrorType)) {
    lua_pushcfunction(lua, error_tostring);
    lua_setfield(lua, -2, "__tostring");
  }
  lua_setmetatable(lua, -2);
}

int fail(lua_State* lua, const Error& error) {
  lua_pushnil(lua);
  push_error(lua, error);
  return 2;
}

int finish(lua_State* lua, const Result<void>& result) {
  if (!result) return fail(lua, result.error());
  lua_pushboolean(lua, 1);
  return 1;
}

void push_layout(lua_State* lua, const btf::Layout& layout) {
  lua_createtable(lua, 0, 2);
  lua_createtable(lua, static_cast<int>(layout.types.size()), 0);
  int place = 0;
  for (const btf::LayoutType& type : layout.types) {
    push_type(lua, type);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, "types");
  set_field(lua, "root", static_cast<lua_Number>(layout.root + 1));
}

std::vector<std::string> strings_at(lua_State* lua, int index) {
  std::vector<std::string> out;
  if (!lua_istable(lua, index)) return out;
  if (index < 0) index += lua_gettop(lua) + 1;
  const int size = static_cast<int>(lua_objlen(lua, index));
  for (int i = 1; i <= size; i++) {
    lua_rawgeti(lua, index, i);
    std::size_t length = 0;
    if (const char* text =
            lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &length) : nullptr)
      out.emplace_back(text, length);
    lua_pop(lua, 1);
  }
  return out;
}

std::string string_field(lua_State* lua, int index, const char* name) {
  std::string out;
  if (!lua_istable(lua, index)) return out;
  if (index < 0) index += lua_gettop(lua) + 1;  // before the key is pushed
  lua_pushstring(lua, name);
  lua_rawget(lua, index);
  std::size_t length = 0;
  if (lua_type(lua, -1) == LUA_TSTRING) {
    const char* text = lua_tolstring(lua, -1, &length);
    out.assign(text, length);
  }
  lua_pop(lua, 1);
  return out;
}

void register_type(lua_State* lua, const char* name, const luaL_Reg* methods,
                   lua_CFunction close) {
  luaL_newmetatable(lua, name);
  lua_newtable(lua);
  luaL_register(lua, nullptr, methods);
  lua_pushcfunction(lua, close);
  lua_setfield(lua, -2, "close");
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, close);
  lua_setfield(lua, -2, "__gc");
  lua_pushstring(lua, name);
  lua_setfield(lua, -2, "__name");
  lua_pop(lua, 1);
}

}  // namespace ebl::host
