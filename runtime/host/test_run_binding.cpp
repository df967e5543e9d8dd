// Test runs of programs.
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"
#include "load/test_run.h"

namespace ebl::host {
namespace {

std::vector<std::byte> bytes_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  const auto* bytes = reinterpret_cast<const std::byte*>(text);
  return {bytes, bytes + size};
}

void set_bytes(lua_State* lua, const char* field, const std::vector<std::byte>& bytes) {
  if (bytes.empty()) return;
  set_field(lua, field, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// host.test_run(object, program, data, ctx, times) -> {retval, data, ctx, duration_ns} |
/// nil, err. `data` and `ctx` are strings, empty for none.
int test_run(lua_State* lua) {
  const load::Object& object = ObjectBox::open(lua, 1, kObject);
  const char* name = luaL_checkstring(lua, 2);
  luaL_checkstring(lua, 3);
  luaL_checkstring(lua, 4);
  const auto times = static_cast<std::uint32_t>(luaL_checknumber(lua, 5));
  Result<load::Program> program = object.program(name);
  if (!program) return fail(lua, program.error());
  Result<load::TestRunOutput> ran = load::test_run(
      *program, {.data = bytes_at(lua, 3), .context = bytes_at(lua, 4), .times = times});
  if (!ran) return fail(lua, ran.error());
  lua_createtable(lua, 0, 4);
  set_field(lua, "retval", ran->return_value);
  set_bytes(lua, "data", ran->data);
  set_bytes(lua, "ctx", ran->context);
  if (ran->duration) set_field(lua, "duration_ns", *ran->duration);
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"test_run", test_run}, {nullptr, nullptr}};

}  // namespace

void register_test_run(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
