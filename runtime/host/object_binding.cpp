// Objects and their programs: open and load.
#include "attach/spec.h"
#include "btf/layout.h"
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"
#include "load/map_ops.h"

namespace ebl::host {
namespace {

/// host.open(elf, name) -> object | nil, err
int object_open(lua_State* lua) {
  std::size_t size = 0;
  const char* elf = luaL_checklstring(lua, 1, &size);
  const char* name = luaL_checkstring(lua, 2);
  const auto* bytes = reinterpret_cast<const std::byte*>(elf);
  Result<load::Object> object = load::Object::open(
      std::vector<std::byte>(bytes, bytes + size), name, btf::kernel_btf_path());
  if (!object) return fail(lua, object.error());
  ObjectBox::push(lua, std::move(*object), kObject);
  return 1;
}

/// object:programs() -> list of {name, section, loaded}
int object_programs(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  lua_newtable(lua);
  int place = 0;
  for (const load::Program& program : object.programs()) {
    lua_createtable(lua, 0, 3);
    set_field(lua, "name", program.name());
    set_field(lua, "section", program.section());
    set_flag(lua, "loaded", program.fd >= 0);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// object:maps() -> list of what push_map() makes
int object_maps(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  lua_newtable(lua);
  int place = 0;
  for (const load::Map& map : object.maps()) {
    push_map(lua, map);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// object:variables() -> list of {name, section, type, size, constant}
int object_variables(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  lua_newtable(lua);
  int place = 0;
  for (const load::Variable& variable : object.variables()) {
    lua_createtable(lua, 0, 5);
    set_field(lua, "name", variable.name);
    set_field(lua, "section", variable.section);
    set_field(lua, "type", variable.type);
    set_field(lua, "size", variable.size);
    set_flag(lua, "constant", variable.constant);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// object:variable_memory(place) -> light userdata | nil; `place` counts from 1 in
/// variables()
int object_variable_memory(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  const auto place = static_cast<std::size_t>(luaL_checkinteger(lua, 2));
  if (place < 1 || place > object.variables().size())
    return luaL_argerror(lua, 2, "no such variable");
  std::byte* memory = object.variable_memory(object.variables()[place - 1]);
  if (!memory) return 0;  // LuaJIT's null pointer is not nil
  lua_pushlightuserdata(lua, memory);
  return 1;
}

/// object:loss_counters() -> list of {map, program, words: light userdata}; an empty list
/// too where the kernel cannot map them. The object is loaded.
int object_loss_counters(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  lua_newtable(lua);
  int place = 0;
  for (const load::LossCounter& counter : object.loss_counters()) {
    std::byte* words = object.variable_memory(counter.words);
    if (!words) break;
    lua_createtable(lua, 0, 3);
    set_field(lua, "map", counter.map);
    set_field(lua, "program", counter.program);
    lua_pushlightuserdata(lua, words);
    lua_setfield(lua, -2, "words");
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// object:recursion_misses(program) -> number | nil where the kernel does not count them
int object_recursion_misses(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  Result<load::Program> program = object.program(luaL_checkstring(lua, 2));
  std::optional<std::uint64_t> misses;
  if (program && program->fd >= 0) misses = load::recursion_misses(program->fd);
  if (misses)
    lua_pushnumber(lua, static_cast<lua_Number>(*misses));
  else
    lua_pushnil(lua);
  return 1;
}

/// object:layout(type_id) -> {types, root} | nil, err
int object_layout(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  const auto id = static_cast<btf::TypeId>(luaL_checkinteger(lua, 2));
  Result<btf::Layout> layout = btf::layout_of(object.btf(), id);
  if (!layout) return fail(lua, layout.error());
  push_layout(lua, *layout);
  return 1;
}

/// object:type_id(name) -> number | nil, err
int object_type_id(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  const char* name = luaL_checkstring(lua, 2);
  Result<btf::TypeId> id = btf::type_by_name(object.btf(), name);
  if (!id) return fail(lua, id.error());
  lua_pushnumber(lua, *id);
  return 1;
}

/// What a program is loaded as: a spec in text, or the SEC() name that gives it its type;
/// with neither, its own SEC() name tells.
struct LoadAs {
  std::string spec, section;
};

/// What comes back has to stay open until the program is loaded.
Result<UniqueFd> prepare(load::Program program, const LoadAs& as) {
  if (!as.section.empty()) {
    if (Result<void> set = load::set_type(program, as.section); !set)
      return set.take_error();
    return UniqueFd();
  }
  if (!as.spec.empty()) {
    Result<attach::ProbeSpec> spec = attach::parse_probe_spec(as.spec);
    if (!spec) return spec.take_error();
    return attach::prepare(program, *spec);
  }
  Result<std::optional<attach::ProbeSpec>> spec =
      attach::spec_of_section(program.section());
  if (!spec) return spec.take_error();
  return *spec ? attach::prepare(program, **spec) : UniqueFd();
}

/// object:load{ {name=, spec=, section=}, … } -> true | nil, err. All maps, and these
/// programs.
int object_load(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  luaL_checktype(lua, 2, LUA_TTABLE);
  std::vector<std::string> names;
  std::vector<UniqueFd> open_until_loaded;
  const int count = static_cast<int>(lua_objlen(lua, 2));
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(lua, 2, i);
    const std::string name = string_field(lua, -1, "name");
    const LoadAs as = {.spec = string_field(lua, -1, "spec"),
                       .section = string_field(lua, -1, "section")};
    lua_pop(lua, 1);
    Result<load::Program> program = object.program(name);
    if (!program) return fail(lua, program.error());
    Result<UniqueFd> ready = prepare(*program, as);
    if (!ready) return fail(lua, ready.error());
    open_until_loaded.push_back(std::move(*ready));
    names.push_back(name);
  }
  return finish(lua, object.load(names));
}

/// object:load_late(name, spec, section) -> true | nil, err
int object_load_late(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  const char* name = luaL_checkstring(lua, 2);
  const char* spec = luaL_optstring(lua, 3, "");
  const char* section = luaL_optstring(lua, 4, "");
  const LoadAs as = {.spec = spec, .section = section};
  UniqueFd open_until_loaded;
  Result<load::Program> program =
      object.load_late(name, [&](load::Program unloaded) -> Result<void> {
        Result<UniqueFd> ready = prepare(unloaded, as);
        if (!ready) return ready.take_error();
        open_until_loaded = std::move(*ready);
        return {};
      });
  if (!program) return fail(lua, program.error());
  lua_pushboolean(lua, 1);
  return 1;
}

/// object:reuse_map(name, fd) -> true | nil, err
int object_reuse_map(lua_State* lua) {
  load::Object& object = ObjectBox::open(lua, 1, kObject);
  const char* name = luaL_checkstring(lua, 2);
  const int fd = static_cast<int>(luaL_checkinteger(lua, 3));
  return finish(lua, object.reuse_map(name, fd));
}

/// object:loaded() -> boolean
int object_loaded(lua_State* lua) {
  lua_pushboolean(lua, ObjectBox::open(lua, 1, kObject).loaded());
  return 1;
}

/// object:keep_verifier_logs()
int object_keep_verifier_logs(lua_State* lua) {
  ObjectBox::open(lua, 1, kObject).keep_verifier_logs();
  return 0;
}

/// object:verifier_logs() -> list of {program, text}
int object_verifier_logs(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  lua_newtable(lua);
  int place = 0;
  for (const load::Object::ProgramLog& log : object.verifier_logs()) {
    lua_createtable(lua, 0, 2);
    set_field(lua, "program", log.program);
    set_field(lua, "text", log.text);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// object:types_as_c() -> text | nil, err
int object_types_as_c(lua_State* lua) {
  Result<std::string> text = ObjectBox::open(lua, 1, kObject).types_as_c();
  if (!text) return fail(lua, text.error());
  push(lua, *text);
  return 1;
}

/// object:program_fd(name) -> number (-1: not loaded) | nil, err
int object_program_fd(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  Result<load::Program> program = object.program(luaL_checkstring(lua, 2));
  if (!program) return fail(lua, program.error());
  lua_pushinteger(lua, program->fd);
  return 1;
}

/// object:program_id(name) -> number | nil, err. The program is loaded.
int object_program_id(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  Result<load::Program> program = object.program(luaL_checkstring(lua, 2));
  if (!program) return fail(lua, program.error());
  Result<std::uint32_t> id = load::program_id(*program);
  if (!id) return fail(lua, id.error());
  lua_pushnumber(lua, *id);
  return 1;
}

/// object:program_instructions(name) -> bytes | nil, err. As libbpf hands them to the
/// kernel once the object is loaded.
int object_program_instructions(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  Result<load::Program> program = object.program(luaL_checkstring(lua, 2));
  if (!program) return fail(lua, program.error());
  const std::span<const std::byte> bytes = load::instructions(*program);
  push(lua, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return 1;
}

int object_close(lua_State* lua) {
  ObjectBox::check(lua, 1, kObject)->close();
  return 0;
}

constexpr luaL_Reg kObjectMethods[] = {
    {"loss_counters", object_loss_counters},
    {"recursion_misses", object_recursion_misses},
    {"programs", object_programs},
    {"maps", object_maps},
    {"variables", object_variables},
    {"variable_memory", object_variable_memory},
    {"layout", object_layout},
    {"type_id", object_type_id},
    {"load", object_load},
    {"load_late", object_load_late},
    {"reuse_map", object_reuse_map},
    {"loaded", object_loaded},
    {"program_fd", object_program_fd},
    {"program_id", object_program_id},
    {"keep_verifier_logs", object_keep_verifier_logs},
    {"verifier_logs", object_verifier_logs},
    {"types_as_c", object_types_as_c},
    {"attach", attach_program},
    {"program_instructions", object_program_instructions},
    {nullptr, nullptr},
};

constexpr luaL_Reg kFunctions[] = {{"open", object_open}, {nullptr, nullptr}};

}  // namespace

void register_object(lua_State* lua) {
  attach::register_sections();
  register_type(lua, kObject, kObjectMethods, object_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
