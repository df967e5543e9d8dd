// The Lua modules that the build put into the program, as bytecode.
#pragma once

#include <span>
#include <string_view>

namespace ebl::host {

struct EmbeddedModule {
  const char* name;  ///< as in require
  const char* begin;
  const char* end;
  std::string_view code() const { return {begin, static_cast<std::size_t>(end - begin)}; }
};

/// Made by cmake/embed_lua.cmake.
std::span<const EmbeddedModule> embedded_modules();

}  // namespace ebl::host
