// The object cache as Lua sees it.
#include <fcntl.h>

#include "base/file.h"
#include "base/mounts.h"
#include "btf/btf.h"
#include "cache/build_id.h"
#include "cache/digest.h"
#include "cache/place.h"
#include "host/bindings.h"
#include "host/compile_cache.h"

namespace ebl::host {
namespace {

constexpr std::size_t kLargestBtf = 512u << 20;

/// What stands for the kernel's types: nothing more than its build ID, or the content of
/// the file that takes their place. A text that needs no types compiles without the file.
std::string types_of(const std::string& btf_path) {
  if (btf_path == "/sys/kernel/btf/vmlinux") return {};
  const Result<std::string> bytes = read_file(AT_FDCWD, btf_path, kLargestBtf);
  return btf_path + "\n" + (bytes ? cache::digest(*bytes) : "unreadable");
}

}  // namespace

Result<std::optional<CompileCache>> CompileCache::open(const std::string& library,
                                                       const std::string& btf_path) {
  const std::optional<std::string> directory = cache::directory_path();
  if (!directory) return std::optional<CompileCache>();
  Result<cache::ObjectCache> objects = cache::ObjectCache::open(*directory);
  if (!objects) return objects.take_error();
  const Result<std::string> compiler = cache::file_build_id(library);
  if (!compiler) return compiler.error();
  const Result<std::string> kernel = cache::kernel_build_id();
  if (!kernel) return kernel.error();
  return std::optional(CompileCache(
      std::move(*objects), cache::key_of({*compiler, *kernel, types_of(btf_path)})));
}

Result<std::string> CompileCache::key(const compile::Request& request) const {
  const Result<std::string> encoded = compile::encode(request);
  if (!encoded) return encoded.error();
  return cache::key_of({maker_, *encoded});
}

Result<std::optional<cache::Entry>> CompileCache::find(
    const compile::Request& request) const {
  const Result<std::string> name = key(request);
  if (!name) return std::optional<cache::Entry>();  // compile() will say what is wrong
  return objects_.find(*name);
}

Result<void> CompileCache::store(const compile::Request& request,
                                 const compile::Output& output) const {
  const Result<std::string> name = key(request);
  if (!name) return name.error();
  cache::Entry entry{
      .object{reinterpret_cast<const char*>(output.object.data()), output.object.size()},
      .warnings = output.warnings,
      .missing = output.missing};
  for (const compile::SourceFile& file : output.files)
    entry.files.push_back({.path = file.path, .digest = file.digest});
  return objects_.store(*name, entry);
}

compile::Request request_at(lua_State* lua, int index) {
  compile::Request request{.text = string_field(lua, index, "text"),
                           .name = string_field(lua, index, "name"),
                           .directory = string_field(lua, index, "directory"),
                           .dialect = string_field(lua, index, "dialect"),
                           .tracefs = {},
                           .listing = string_field(lua, index, "listing")};
  // The records of tracepoints are described there, and the compiler cannot mount it.
  if (request.text.find("tracepoint__") != std::string::npos ||
      request.text.find("TRACEPOINT_PROBE") != std::string::npos)
    if (Result<std::string> tracefs = ensure_mounted("tracefs", "/sys/kernel/tracing"))
      request.tracefs = *tracefs;
  lua_getfield(lua, index, "flags");
  request.flags = strings_at(lua, lua_gettop(lua));
  lua_pop(lua, 1);
  return request;
}

namespace {

/// host.cache() -> cache | nil where this user has no place for one | nil, err
int cache_open(lua_State* lua) {
  const Places places = get_places(lua);
  Result<std::optional<CompileCache>> cache =
      CompileCache::open(places.compiler, btf::kernel_btf_path());
  if (!cache) return fail(lua, cache.error());
  if (*cache)
    CacheBox::push(lua, std::move(**cache), kCache);
  else
    lua_pushnil(lua);
  return 1;
}

/// cache:find{text=, name=, directory=, dialect=, flags=} -> object bytes, warnings |
/// nil: a miss | nil, err: a miss, because an entry is not as it should be
int cache_find(lua_State* lua) {
  const CompileCache& cache = CacheBox::open(lua, 1, kCache);
  luaL_checktype(lua, 2, LUA_TTABLE);
  const Result<std::optional<cache::Entry>> entry = cache.find(request_at(lua, 2));
  if (!entry) return fail(lua, entry.error());
  if (!*entry) {
    lua_pushnil(lua);
    return 1;
  }
  push(lua, (*entry)->object);
  push(lua, (*entry)->warnings);
  return 2;
}

/// cache:statistics() -> {directory, entries, bytes, limit} | nil, err
int cache_statistics(lua_State* lua) {
  const CompileCache& cache = CacheBox::open(lua, 1, kCache);
  const Result<cache::Statistics> statistics = cache.objects().statistics();
  if (!statistics) return fail(lua, statistics.error());
  lua_createtable(lua, 0, 4);
  set_field(lua, "directory", cache.objects().directory());
  set_field(lua, "entries", static_cast<lua_Number>(statistics->entries));
  set_field(lua, "bytes", static_cast<lua_Number>(statistics->bytes));
  set_field(lua, "limit", static_cast<lua_Number>(statistics->limit));
  return 1;
}

/// cache:clear() -> how many entries went | nil, err
int cache_clear(lua_State* lua) {
  const Result<std::size_t> removed = CacheBox::open(lua, 1, kCache).objects().clear();
  if (!removed) return fail(lua, removed.error());
  lua_pushnumber(lua, static_cast<lua_Number>(*removed));
  return 1;
}

int cache_close(lua_State* lua) {
  CacheBox::check(lua, 1, kCache)->close();
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"find", cache_find},
                                 {"statistics", cache_statistics},
                                 {"clear", cache_clear},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"cache", cache_open}, {nullptr, nullptr}};

}  // namespace

void register_cache(lua_State* lua) {
  register_type(lua, kCache, kMethods, cache_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
