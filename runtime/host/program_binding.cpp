// Programs that exist in the kernel, whoever loaded them, and their code.
#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"
#include "load/program_code.h"
#include "load/types_as_c.h"

namespace ebl::host {
namespace {

constexpr const char* kProgram = "bpf program";
using ProgramBox = Box<UniqueFd>;

/// host.open_program(how, what) -> program | nil, err. `how` is "path", "id" or "name".
int open_program(lua_State* lua) {
  Result<UniqueFd> program = open_existing(lua, load::program_kind);
  if (!program) return fail(lua, program.error());
  ProgramBox::push(lua, std::move(*program), kProgram);
  return 1;
}

/// program:fd() -> number
int program_fd(lua_State* lua) {
  lua_pushinteger(lua, ProgramBox::open(lua, 1, kProgram).get());
  return 1;
}

int program_close(lua_State* lua) {
  ProgramBox::check(lua, 1, kProgram)->close();
  return 0;
}

void set_bytes(lua_State* lua, const char* name, const std::vector<std::byte>& bytes) {
  set_field(lua, name,
            std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void set_number(lua_State* lua, const char* name, std::size_t number) {
  set_field(lua, name, static_cast<lua_Number>(number));
}

std::string hexadecimal(std::uint64_t number) {
  char text[17];
  return {text, static_cast<std::size_t>(std::snprintf(
                    text, sizeof text, "%llx", static_cast<unsigned long long>(number)))};
}

void push_function(lua_State* lua, const load::ProgramCode::Function& function) {
  lua_createtable(lua, 0, 5);
  set_field(lua, "name", function.name);
  set_number(lua, "first", function.first);
  set_field(lua, "address", hexadecimal(function.address));
  set_number(lua, "begin", function.begin);
  set_number(lua, "size", function.size);
}

void push_line(lua_State* lua, const load::ProgramCode::Line& line) {
  lua_createtable(lua, 0, 5);
  set_number(lua, "instruction", line.instruction);
  if (line.jited) set_number(lua, "jited", *line.jited);
  set_field(lua, "file", line.file);
  set_number(lua, "number", line.number);
  set_field(lua, "text", line.text);
}

/// host.program_code(fd) -> {name=, xlated=bytes, jited=bytes, functions={{name=, first=,
/// address=hexadecimal, begin=, size=}…}, lines={{instruction=, jited=?, file=, number=,
/// text=}…}, maps={[id]=name…}} | nil, err
int program_code(lua_State* lua) {
  const Result<load::ProgramCode> code =
      load::program_code(static_cast<int>(luaL_checkinteger(lua, 1)));
  if (!code) return fail(lua, code.error());
  lua_newtable(lua);
  set_field(lua, "name", code->name);
  set_bytes(lua, "xlated", code->xlated);
  set_bytes(lua, "jited", code->jited);
  int place = 0;
  lua_newtable(lua);
  for (const load::ProgramCode::Function& function : code->functions) {
    push_function(lua, function);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, "functions");
  place = 0;
  lua_newtable(lua);
  for (const load::ProgramCode::Line& line : code->lines) {
    push_line(lua, line);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, "lines");
  lua_newtable(lua);
  for (const auto& [id, name] : code->maps) {
    push(lua, name);
    lua_rawseti(lua, -2, static_cast<int>(id));
  }
  lua_setfield(lua, -2, "maps");
  return 1;
}

/// host.kernel_types_as_c(name or "") -> text | nil, err
int kernel_types_as_c(lua_State* lua) {
  const Result<std::string> text = load::kernel_types_as_c(luaL_checkstring(lua, 1));
  if (!text) return fail(lua, text.error());
  push(lua, *text);
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"fd", program_fd}, {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"open_program", open_program},
                                   {"program_code", program_code},
                                   {"kernel_types_as_c", kernel_types_as_c},
                                   {nullptr, nullptr}};

}  // namespace

void register_program(lua_State* lua) {
  register_type(lua, kProgram, kMethods, program_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
