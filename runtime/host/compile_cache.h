// CompileCache: the object cache (cache/) under the requests of a compile (compile/):
// what the host knows of both, and neither of the other.
#pragma once

#include <lua.hpp>

#include <optional>
#include <string>

#include "cache/object_cache.h"
#include "compile/compiler.h"
#include "host/lua_value.h"

namespace ebl::host {

class CompileCache {
 public:
  /// Opens the user's cache for objects of the compiler at `library` and the kernel types
  /// at `btf_path`. nullopt: this user has no place for one.
  static Result<std::optional<CompileCache>> open(const std::string& library,
                                                  const std::string& btf_path);

  /// nullopt: a miss. An Error is a miss too, with what is wrong with the entry.
  Result<std::optional<cache::Entry>> find(const compile::Request& request) const;
  Result<void> store(const compile::Request& request,
                     const compile::Output& output) const;

  const cache::ObjectCache& objects() const { return objects_; }

 private:
  CompileCache(cache::ObjectCache objects, std::string maker)
      : objects_(std::move(objects)), maker_(std::move(maker)) {}
  Result<std::string> key(const compile::Request& request) const;

  cache::ObjectCache objects_;
  std::string maker_;  // digest of the compiler, the kernel and its types
};

inline constexpr const char* kCache = "bpf cache";
using CacheBox = Box<CompileCache>;

/// The request in the table at `index`: {text=, name=, directory=, dialect=,
/// flags=}.
compile::Request request_at(lua_State* lua, int index);

}  // namespace ebl::host
