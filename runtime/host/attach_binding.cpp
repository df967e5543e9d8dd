// Attaching: probe specs, the options of a script, links.
#include "attach/spec.h"
#include "events/signals.h"
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"

namespace ebl::host {

namespace {

/// The number in `field` of the table at `index`.
std::optional<std::int64_t> number_field(lua_State* lua, int index, const char* field) {
  lua_getfield(lua, index, field);
  std::optional<std::int64_t> value;
  if (lua_isnumber(lua, -1)) value = static_cast<std::int64_t>(lua_tonumber(lua, -1));
  lua_pop(lua, 1);
  return value;
}

bool flag_field(lua_State* lua, int index, const char* field) {
  lua_getfield(lua, index, field);
  const bool value = lua_toboolean(lua, -1);
  lua_pop(lua, 1);
  return value;
}

/// The field `cookies`: numbers by the names of functions.
std::map<std::string, std::uint64_t> cookies_field(lua_State* lua, int index) {
  std::map<std::string, std::uint64_t> cookies;
  lua_getfield(lua, index, "cookies");
  if (lua_istable(lua, -1))
    for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1))
      if (lua_type(lua, -2) == LUA_TSTRING)
        cookies[lua_tostring(lua, -2)] =
            static_cast<std::uint64_t>(static_cast<std::int64_t>(lua_tonumber(lua, -1)));
  lua_pop(lua, 1);
  return cookies;
}

/// The options of attach() at `index`; lua/bpf/program.lua has checked their types.
attach::Options attach_options(lua_State* lua, int index) {
  attach::Options options;
  if (!lua_istable(lua, index)) return options;
  if (auto pid = number_field(lua, index, "pid")) options.pid = static_cast<int>(*pid);
  if (auto cpu = number_field(lua, index, "cpu")) options.cpu = static_cast<int>(*cpu);
  if (auto cookie = number_field(lua, index, "cookie"))
    options.cookie = static_cast<std::uint64_t>(*cookie);
  if (auto maxactive = number_field(lua, index, "maxactive"))
    options.maxactive = static_cast<int>(*maxactive);
  options.cookies = cookies_field(lua, index);
  options.replace = flag_field(lua, index, "replace");
  options.defrag = flag_field(lua, index, "defrag");
  if (auto priority = number_field(lua, index, "priority"))
    options.priority = static_cast<std::uint32_t>(*priority);
  if (auto socket = number_field(lua, index, "socket"))
    options.socket = static_cast<int>(*socket);
  if (auto map = number_field(lua, index, "map")) options.map = static_cast<int>(*map);
  options.device = string_field(lua, index, "device");
  options.via = string_field(lua, index, "via");
  lua_getfield(lua, index, "position");
  if (lua_istable(lua, -1)) {
    const int place = lua_gettop(lua);
    options.position = attach::Position{
        .before = flag_field(lua, place, "before"),
        .link_id =
            static_cast<std::uint32_t>(number_field(lua, place, "link_id").value_or(0)),
        .program_id = static_cast<std::uint32_t>(
            number_field(lua, place, "program_id").value_or(0))};
  }
  lua_pop(lua, 1);
  return options;
}

}  // namespace

int attach_program(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  const char* name = luaL_checkstring(lua, 2);
  std::size_t spec_size = 0;
  const char* spec_text = luaL_checklstring(lua, 3, &spec_size);
  attach::Options options = attach_options(lua, 4);
  options.interrupt_fd = events::signal_fd();
  Result<attach::ProbeSpec> spec = attach::parse_probe_spec({spec_text, spec_size});
  if (!spec) return fail(lua, spec.error());
  if (spec->kind == attach::Kind::sockmap) {
    Result<int> map = object.map_fd(spec->target);
    if (!map) return fail(lua, map.error());
    options.map = *map;
  }
  Result<load::Program> program = object.program(name);
  if (!program) return fail(lua, program.error());
  Result<attach::Link> link = attach::attach(*program, *spec, options);
  if (!link) return fail(lua, link.error());
  LinkBox::push(lua, std::move(*link), kLink);
  return 1;
}

namespace {

/// host.section_spec(section) -> spec text | nil when the name gives no hook | nil, err
int section_spec(lua_State* lua) {
  Result<std::optional<attach::ProbeSpec>> spec =
      attach::spec_of_section(luaL_checkstring(lua, 1));
  if (!spec) return fail(lua, spec.error());
  if (*spec)
    push(lua, (**spec).text());
  else
    lua_pushnil(lua);
  return 1;
}

/// host.parse_spec(text) -> canonical text, kind | nil, err
int parse_spec(lua_State* lua) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  Result<attach::ProbeSpec> spec = attach::parse_probe_spec({text, size});
  if (!spec) return fail(lua, spec.error());
  push(lua, spec->text());
  push(lua, attach::to_string(spec->kind));
  return 2;
}

constexpr luaL_Reg kFunctions[] = {
    {"section_spec", section_spec}, {"parse_spec", parse_spec}, {nullptr, nullptr}};

}  // namespace

void register_attach(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
