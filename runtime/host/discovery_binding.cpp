// What there is to probe: functions of the kernel and of binaries, and their parameters.
#include <fnmatch.h>

#include "btf/prototype.h"
#include "host/bindings.h"
#include "host/lua_value.h"
#include "symbols/elf_file.h"
#include "symbols/kernel.h"
#include "symbols/library.h"

namespace ebl::host {
namespace {

using Names = std::vector<std::string>;

int push_matches(lua_State* lua, const Result<Names>& names, const char* pattern) {
  if (!names) return fail(lua, names.error());
  lua_newtable(lua);
  int place = 0;
  for (const std::string& name : *names) {
    if (fnmatch(pattern, name.c_str(), 0) != 0) continue;
    push(lua, name);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

Result<Names> kernel_names() {
  Result<const symbols::KernelSymbols*> known = symbols::KernelSymbols::get();
  if (!known) return known.take_error();
  return (*known)->function_names();
}

Result<Names> binary_names(const std::string& binary) {
  Result<std::string> path = symbols::find_binary(binary);
  if (!path) return path.take_error();
  Result<symbols::ElfFile> file = symbols::ElfFile::open(*path);
  if (!file) return file.take_error();
  return file->function_names();
}

/// Names of BTF functions, or of the tracepoints that BTF has prototypes of.
Result<Names> btf_names(bool tracepoints) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  return tracepoints ? btf::tracepoint_names(*kernel) : btf::function_names(*kernel);
}

Result<btf::Prototype> prototype_of(bool tracepoint, const std::string& name) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  return tracepoint ? btf::tracepoint_prototype(*kernel, name)
                    : btf::function_prototype(*kernel, name);
}

/// host.kernel_functions(glob) -> names | nil, err
int kernel_functions(lua_State* lua) {
  const char* pattern = luaL_checkstring(lua, 1);
  return push_matches(lua, kernel_names(), pattern);
}

/// host.binary_functions(binary, glob) -> names | nil, err
int binary_functions(lua_State* lua) {
  const char* binary = luaL_checkstring(lua, 1);
  const char* pattern = luaL_checkstring(lua, 2);
  return push_matches(lua, binary_names(binary), pattern);
}

/// host.btf_functions(glob), host.btf_tracepoints(glob) -> names | nil, err
int btf_functions(lua_State* lua) {
  const char* pattern = luaL_checkstring(lua, 1);
  return push_matches(lua, btf_names(false), pattern);
}
int btf_tracepoints(lua_State* lua) {
  const char* pattern = luaL_checkstring(lua, 1);
  return push_matches(lua, btf_names(true), pattern);
}

/// host.prototype("function"|"tracepoint", name) -> {{name=, type=}…, result=, variadic=}
/// | nil, err
int prototype(lua_State* lua) {
  static const char* const kinds[] = {"function", "tracepoint", nullptr};
  const int kind = luaL_checkoption(lua, 1, nullptr, kinds);
  Result<btf::Prototype> found = prototype_of(kind == 1, luaL_checkstring(lua, 2));
  if (!found) return fail(lua, found.error());
  lua_newtable(lua);
  int place = 0;
  for (const btf::Prototype::Part& part : found->parameters) {
    lua_createtable(lua, 0, 2);
    set_field(lua, "name", part.name);
    set_field(lua, "type", part.type);
    lua_rawseti(lua, -2, ++place);
  }
  set_field(lua, "result", found->result);
  set_flag(lua, "variadic", found->variadic);
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"kernel_functions", kernel_functions},
                                   {"binary_functions", binary_functions},
                                   {"btf_functions", btf_functions},
                                   {"btf_tracepoints", btf_tracepoints},
                                   {"prototype", prototype},
                                   {nullptr, nullptr}};

}  // namespace

void register_discovery(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
