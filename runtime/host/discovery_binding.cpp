// What there is to probe: functions of the kernel and of binaries, and their parameters.
#include <fnmatch.h>

#include <algorithm>

#include "attach/perf_event.h"
#include "btf/declaration.h"
#include "btf/layout.h"
#include "btf/prototype.h"
#include "host/bindings.h"
#include "host/lua_value.h"
#include "symbols/elf_file.h"
#include "symbols/kernel.h"
#include "symbols/library.h"

namespace ebl::host {
namespace {

using Names = std::vector<std::string>;

bool matches(const char* pattern, const std::string& name) {
  return fnmatch(pattern, name.c_str(), 0) == 0;
}

int push_matches(lua_State* lua, const Result<Names>& names, const char* pattern) {
  if (!names) return fail(lua, names.error());
  lua_newtable(lua);
  int place = 0;
  for (const std::string& name : *names) {
    if (!matches(pattern, name)) continue;
    push(lua, name);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

Result<Names> kernel_names(const char* pattern) {
  Result<const symbols::KernelSymbols*> known = symbols::KernelSymbols::get();
  if (!known) return known.take_error();
  // Sorting the few that a pattern leaves is quicker than sorting all.
  Names names;
  (*known)->for_each_function([&](const symbols::KernelSymbol& symbol) {
    std::string name(symbol.name);
    if (matches(pattern, name)) names.push_back(std::move(name));
  });
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
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
  return push_matches(lua, kernel_names(pattern), pattern);
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

void push_prototype(lua_State* lua, const btf::Prototype& prototype) {
  lua_newtable(lua);
  int place = 0;
  for (const btf::Prototype::Part& part : prototype.parameters) {
    lua_createtable(lua, 0, 2);
    set_field(lua, "name", part.name);
    set_field(lua, "type", part.type);
    lua_rawseti(lua, -2, ++place);
  }
  set_field(lua, "result", prototype.result);
  set_flag(lua, "variadic", prototype.variadic);
}

constexpr const char* const kPrototypeKinds[] = {"function", "tracepoint", nullptr};

/// host.prototype("function"|"tracepoint", name) -> {{name=, type=}…, result=, variadic=}
/// | nil, err
int prototype(lua_State* lua) {
  const int kind = luaL_checkoption(lua, 1, nullptr, kPrototypeKinds);
  Result<btf::Prototype> found = prototype_of(kind == 1, luaL_checkstring(lua, 2));
  if (!found) return fail(lua, found.error());
  push_prototype(lua, *found);
  return 1;
}

Result<std::vector<btf::NamedPrototype>> prototypes_like(bool tracepoints,
                                                         const char* pattern) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  const auto is_wanted = [pattern](const std::string& name) {
    return matches(pattern, name);
  };
  return tracepoints ? btf::tracepoint_prototypes(*kernel, is_wanted)
                     : btf::function_prototypes(*kernel, is_wanted);
}

/// host.prototypes("function"|"tracepoint", glob) -> {name = as of prototype()} | nil,
/// err
int prototypes(lua_State* lua) {
  const int kind = luaL_checkoption(lua, 1, nullptr, kPrototypeKinds);
  const char* pattern = luaL_checkstring(lua, 2);
  const auto found = prototypes_like(kind == 1, pattern);
  if (!found) return fail(lua, found.error());
  lua_newtable(lua);
  for (const auto& [name, prototype] : *found) {
    push(lua, name);
    push_prototype(lua, prototype);
    lua_rawset(lua, -3);
  }
  return 1;
}

Result<Names> tags(const char* keyword) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  return btf::tag_names(*kernel, keyword);
}

/// host.type_names("struct"|"union"|"enum", glob) -> tags | nil, err
int type_names(lua_State* lua) {
  const char* keyword = luaL_checkstring(lua, 1);
  const char* pattern = luaL_checkstring(lua, 2);
  return push_matches(lua, tags(keyword), pattern);
}

struct TypeMembers {
  std::uint64_t size = 0;
  std::vector<btf::MemberLine> lines;
};

Result<TypeMembers> members_of(const std::string& name) {
  Result<btf::Btf> kernel = btf::Btf::from_file(btf::kernel_btf_path());
  if (!kernel) return kernel.take_error();
  Result<btf::TypeId> id = btf::type_by_name(*kernel, name);
  if (!id) return id.take_error();
  return TypeMembers{.size = kernel->size_of(*id).value_or(0),
                     .lines = btf::member_lines(*kernel, *id)};
}

/// host.type_members("struct NAME") -> {size = bytes, {name, declaration, offset (in
/// bits), size, bits, depth}…} | nil, err
int type_members(lua_State* lua) {
  const Result<TypeMembers> found = members_of(luaL_checkstring(lua, 1));
  if (!found) return fail(lua, found.error());
  lua_createtable(lua, static_cast<int>(found->lines.size()), 1);
  set_field(lua, "size", static_cast<lua_Number>(found->size));
  int place = 0;
  for (const btf::MemberLine& line : found->lines) {
    lua_createtable(lua, 0, 6);
    set_field(lua, "name", line.name);
    set_field(lua, "declaration", line.declaration);
    set_field(lua, "offset", static_cast<lua_Number>(line.offset));
    set_field(lua, "size", static_cast<lua_Number>(line.size));
    set_field(lua, "bits", static_cast<lua_Number>(line.bits));
    set_field(lua, "depth", static_cast<lua_Number>(line.depth));
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// host.perf_events(glob) -> names
int perf_events(lua_State* lua) {
  const char* pattern = luaL_checkstring(lua, 1);
  return push_matches(lua, attach::perf_event_names(), pattern);
}

/// host.libraries(glob) -> names: "libc"
int libraries(lua_State* lua) {
  const char* pattern = luaL_checkstring(lua, 1);
  return push_matches(lua, symbols::library_names(), pattern);
}

constexpr luaL_Reg kFunctions[] = {{"kernel_functions", kernel_functions},
                                   {"binary_functions", binary_functions},
                                   {"btf_functions", btf_functions},
                                   {"btf_tracepoints", btf_tracepoints},
                                   {"prototype", prototype},
                                   {"prototypes", prototypes},
                                   {"type_names", type_names},
                                   {"type_members", type_members},
                                   {"perf_events", perf_events},
                                   {"libraries", libraries},
                                   {nullptr, nullptr}};

}  // namespace

void register_discovery(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
