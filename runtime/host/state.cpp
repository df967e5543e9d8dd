#include "host/state.h"

#include <fcntl.h>
#include <unistd.h>
#include <lua.hpp>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "events/signals.h"
#include "host/bindings.h"
#include "host/embedded.h"
#include "host/lua_value.h"
#include "load/map_ops.h"

namespace ebl::host {
namespace {

constexpr const char* kPlacesKey = "ebl.places";
constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr const char* kErrorKey = "ebl.error";

/// The folder of the program, links resolved: "/usr/local/bin".
std::string program_folder() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0) return ".";
  const std::string whole(path, static_cast<std::size_t>(length));
  return whole.substr(0, whole.rfind('/'));
}

/// The build tree has the same layout as an installation.
Places find_places() {
  const std::string prefix = program_folder() + "/..";
  return {.compiler = prefix + "/lib/ebpf-lua/compiler.so",
          .symbolizer = prefix + "/lib/ebpf-lua/symbolizer.so",
          .editor = prefix + "/lib/ebpf-lua/editor.so",
          .gallery = prefix + "/share/ebpf-lua/scripts"};
}

/// package.loaders entry: the modules inside the program, before any file.
int load_embedded(lua_State* lua) {
  const std::string_view wanted = luaL_checkstring(lua, 1);
  for (const EmbeddedModule& module : embedded_modules()) {
    if (wanted != module.name) continue;
    const std::string_view code = module.code();
    if (luaL_loadbuffer(lua, code.data(), code.size(), module.name) != 0)
      return lua_error(lua);
    return 1;
  }
  lua_pushfstring(lua, "\n\tno module '%s' in the program", wanted.data());
  return 1;
}

/// table.insert(package.loaders, 2, load_embedded); and no look-ups in the current
/// folder.
void set_search_path(lua_State* lua) {
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "loaders");
  const int count = static_cast<int>(lua_objlen(lua, -1));
  for (int i = count; i >= 2; i--) {
    lua_rawgeti(lua, -1, i);
    lua_rawseti(lua, -2, i + 1);
  }
  lua_pushcfunction(lua, load_embedded);
  lua_rawseti(lua, -2, 2);
  lua_pop(lua, 1);
  set_field(lua, "path", "/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua");
  set_field(lua, "cpath", "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so");
  lua_pop(lua, 1);
}

/// host.error_metatable() -> the metatable of errors
int error_metatable(lua_State* lua) {
  push_error(lua, {});  // makes sure that it exists
  lua_pop(lua, 1);
  luaL_getmetatable(lua, kErrorKey);
  return 1;
}

/// host.gallery() -> the folder of the gallery
int gallery(lua_State* lua) {
  push(lua, get_places(lua).gallery);
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"error_metatable", error_metatable}, {"gallery", gallery}, {nullptr, nullptr}};

void push_settings(lua_State* lua, const Settings& settings) {
  lua_newtable(lua);
  if (settings.has_code) set_field(lua, "code", settings.code);
  if (!settings.script.empty()) set_field(lua, "script", settings.script);
  if (settings.duration > 0) set_field(lua, "duration", settings.duration);
  set_flag(lua, "json", settings.json);
  set_flag(lua, "csv", settings.csv);
  set_flag(lua, "verbose", settings.verbose);
  set_flag(lua, "dry_run", settings.dry_run);
  set_flag(lua, "no_cache", settings.no_cache);
  if (!settings.cache.empty()) set_field(lua, "cache", settings.cache);
  if (!settings.color.empty()) set_field(lua, "color", settings.color);
  if (!settings.dump.empty()) set_field(lua, "dump", settings.dump);
  if (!settings.output.empty()) set_field(lua, "output", settings.output);
  set_flag(lua, "interactive", settings.interactive);
  if (!settings.command.empty()) set_field(lua, "command", settings.command);
  if (settings.pid > 0) set_field(lua, "scope", static_cast<lua_Number>(settings.pid));
  set_flag(lua, "list", settings.list);
  set_flag(lua, "tools", settings.tools);
  set_flag(lua, "info", settings.info);
  lua_newtable(lua);
  int place = 0;
  for (const std::string& argument : settings.args) {
    push(lua, argument);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, "args");
}

int traceback(lua_State* lua) {
  lua_getglobal(lua, "debug");
  lua_getfield(lua, -1, "traceback");
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, 2);
  lua_call(lua, 2, 1);
  return 1;
}

/// Everything that may raise, under one pcall: opens the libraries and calls bpf.main.
int run_protected(lua_State* lua) {
  const auto* settings = static_cast<const Settings*>(lua_touserdata(lua, 1));
  luaL_openlibs(lua);
  set_search_path(lua);
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "preload");
  lua_pushcfunction(lua, open_host);
  lua_setfield(lua, -2, "bpf.host");
  lua_pop(lua, 2);
  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "bpf.main");
  lua_call(lua, 1, 1);
  push_settings(lua, *settings);
  lua_call(lua, 1, 1);
  return 1;
}

/// A map's descriptor must not take the place of a standard stream that the caller
/// closed.
void fill_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

struct CloseState {
  void operator()(lua_State* lua) const { lua_close(lua); }
};

}  // namespace

void set_places(lua_State* lua, const Places& places) {
  lua_newtable(lua);
  set_field(lua, "compiler", places.compiler);
  set_field(lua, "symbolizer", places.symbolizer);
  set_field(lua, "editor", places.editor);
  set_field(lua, "gallery", places.gallery);
  lua_setfield(lua, LUA_REGISTRYINDEX, kPlacesKey);
}

Places get_places(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kPlacesKey);
  const int index = lua_gettop(lua);
  Places places{.compiler = string_field(lua, index, "compiler"),
                .symbolizer = string_field(lua, index, "symbolizer"),
                .editor = string_field(lua, index, "editor"),
                .gallery = string_field(lua, index, "gallery")};
  lua_pop(lua, 1);
  return places;
}

int open_host(lua_State* lua) {
  set_places(lua, find_places());
  lua_newtable(lua);
  luaL_register(lua, nullptr, kFunctions);
  register_attach(lua);
  register_binaries(lua);
  register_cache(lua);
  register_child(lua);
  register_compiler(lua);
  register_object(lua);
  register_kernel_object(lua);
  register_link(lua);
  register_map(lua);
  register_events(lua);
  register_script_file(lua);
  register_look_ups(lua);
  register_test_run(lua);
  register_discovery(lua);
  register_editor(lua);
  register_features(lua);
  register_program(lua);
  register_inventory(lua);
  register_statistics(lua);
  return 1;
}

int run(const Settings& settings) {
  fill_standard_streams();
  if (Result<void> installed = events::install_signal_handlers(); !installed) {
    std::fprintf(stderr, "ebpf-lua: %s\n", installed.error().message.c_str());
    return exit_code(installed.error());
  }
  // glibc ignores the size where it is to find the memory itself; exit() still uses it.
  static char output[kOutputBytes];
  // A pipe gets whole lines in large pieces; the loop flushes when it goes idle.
  if (!::isatty(STDOUT_FILENO)) std::setvbuf(stdout, output, _IOFBF, kOutputBytes);
  const std::unique_ptr<lua_State, CloseState> state(luaL_newstate());
  if (!state) {
    std::fputs("ebpf-lua: not enough memory\n", stderr);
    return 1;
  }
  lua_State* lua = state.get();
  lua_pushcfunction(lua, traceback);
  lua_pushcfunction(lua, run_protected);
  lua_pushlightuserdata(lua, const_cast<Settings*>(&settings));
  if (lua_pcall(lua, 1, 1, 1) != 0) {
    const char* message = lua_tostring(lua, -1);
    std::fprintf(stderr, "ebpf-lua: %s\n", message ? message : "error without a message");
    return 1;
  }
  return static_cast<int>(lua_tointeger(lua, -1));
}

std::string component_versions() {
  return std::string(LUAJIT_VERSION) + ", libbpf " + load::libbpf_version();
}

}  // namespace ebl::host
