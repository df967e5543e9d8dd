// The compiler as Lua sees it: one server a process, started early or at the first
// compile.
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "btf/btf.h"
#include "compile/compiler.h"
#include "events/signals.h"
#include "host/bindings.h"
#include "host/compile_cache.h"
#include "host/lua_value.h"

namespace ebl::host {
namespace {

constexpr const char* kCompiler = "bpf compiler";
using CompilerBox = Box<compile::Compiler>;

constexpr std::uint32_t kMostSeconds = 3600;

/// $EBPF_LUA_COMPILE_LIMIT, which --compile-limit sets; the compiler's own limit where it
/// is not set.
Result<std::uint32_t> compile_limit() {
  const char* variable = std::getenv("EBPF_LUA_COMPILE_LIMIT");
  if (!variable || !*variable) return compile::Options{}.time_limit_seconds;
  const std::string_view text(variable);
  std::uint32_t seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 1 ||
      seconds > kMostSeconds)
    return Error{.stage = Stage::usage,
                 .code = Code::invalid,
                 .message = "the compile limit '" + std::string(text) +
                            "' is not a whole number of seconds from 1 to " +
                            std::to_string(kMostSeconds),
                 .hint = "it comes from --compile-limit or EBPF_LUA_COMPILE_LIMIT"};
  return seconds;
}

/// host.compiler() -> compiler | nil, err. Its server begins to get ready at once.
int compiler_start(lua_State* lua) {
  const Places places = get_places(lua);
  const Result<std::uint32_t> limit = compile_limit();
  if (!limit) return fail(lua, limit.error());
  Result<compile::Compiler> compiler =
      compile::Compiler::start({.library = places.compiler,
                                .btf_path = btf::kernel_btf_path(),
                                .time_limit_seconds = *limit,
                                .interrupt_fd = events::signal_fd()});
  if (!compiler) return fail(lua, compiler.error());
  CompilerBox::push(lua, std::move(*compiler), kCompiler);
  return 1;
}

/// compiler:compile{text=, name=, directory=, dialect=, flags=, listing=} [, cache] ->
/// object bytes, warnings, why the cache could not keep it or nil, listing | nil, err
int compiler_compile(lua_State* lua) {
  compile::Compiler& compiler = CompilerBox::open(lua, 1, kCompiler);
  luaL_checktype(lua, 2, LUA_TTABLE);
  const CacheBox::Value* cache =
      lua_isnoneornil(lua, 3) ? nullptr : &CacheBox::open(lua, 3, kCache);
  const compile::Request request = request_at(lua, 2);
  Result<compile::Output> output = compiler.compile(request);
  if (!output) return fail(lua, output.error());
  const std::string_view object(reinterpret_cast<const char*>(output->object.data()),
                                output->object.size());
  push(lua, object);
  push(lua, output->warnings);
  const Result<void> kept = cache ? cache->store(request, *output) : Result<void>();
  if (kept)
    lua_pushnil(lua);
  else
    push_error(lua, kept.error());
  push(lua, output->listing);
  return 4;
}

int compiler_close(lua_State* lua) {
  CompilerBox::check(lua, 1, kCompiler)->close();
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"compile", compiler_compile}, {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"compiler", compiler_start}, {nullptr, nullptr}};

}  // namespace

void register_compiler(lua_State* lua) {
  register_type(lua, kCompiler, kMethods, compiler_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
