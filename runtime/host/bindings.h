// The control plane that Lua sees as the module "bpf.host": one file a noun, registered
// here.
#pragma once

#include <lua.hpp>

#include <string>

namespace ebl::host {

/// Where the program's own files are; found from /proc/self/exe.
struct Places {
  std::string compiler;    ///< compiler.so
  std::string symbolizer;  ///< symbolizer.so
  std::string editor;      ///< editor.so
  std::string gallery;     ///< the folder of scripts that a bare NAME runs
};

/// Each adds its functions to the table on top of the stack and registers its types.
void register_attach(lua_State* lua);
void register_binaries(lua_State* lua);
void register_cache(lua_State* lua);
void register_child(lua_State* lua);
void register_compiler(lua_State* lua);
void register_object(lua_State* lua);
void register_kernel_object(lua_State* lua);
void register_link(lua_State* lua);
void register_map(lua_State* lua);
void register_events(lua_State* lua);
void register_script_file(lua_State* lua);
void register_look_ups(lua_State* lua);
void register_test_run(lua_State* lua);
void register_discovery(lua_State* lua);
void register_editor(lua_State* lua);
void register_features(lua_State* lua);
void register_inventory(lua_State* lua);
void register_program(lua_State* lua);
void register_statistics(lua_State* lua);

/// lua_CFunction: the loader of "bpf.host".
int open_host(lua_State* lua);

/// Makes `places` known to the functions above.
void set_places(lua_State* lua, const Places& places);
Places get_places(lua_State* lua);

}  // namespace ebl::host
