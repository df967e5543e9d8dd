// What the kernel counts about programs.
#include "base/unique_fd.h"
#include "host/bindings.h"
#include "host/lua_value.h"
#include "load/program.h"

namespace ebl::host {
namespace {

constexpr const char* kCounting = "bpf run counting";
using CountingBox = Box<UniqueFd>;

/// host.count_runs() -> a thing; the kernel counts until it is closed | nil, err
int count_runs(lua_State* lua) {
  Result<UniqueFd> counting = load::count_runs();
  if (!counting) return fail(lua, counting.error());
  CountingBox::push(lua, std::move(*counting), kCounting);
  return 1;
}

/// host.run_statistics(program fd) -> runs, nanoseconds | nil, err
int run_statistics(lua_State* lua) {
  const int fd = static_cast<int>(luaL_checkinteger(lua, 1));
  Result<load::RunStatistics> counted = load::run_statistics(fd);
  if (!counted) return fail(lua, counted.error());
  lua_pushnumber(lua, static_cast<lua_Number>(counted->runs));
  lua_pushnumber(lua, static_cast<lua_Number>(counted->nanoseconds));
  return 2;
}

int counting_close(lua_State* lua) {
  CountingBox::check(lua, 1, kCounting)->close();
  return 0;
}

constexpr luaL_Reg kMethods[] = {{nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {
    {"count_runs", count_runs}, {"run_statistics", run_statistics}, {nullptr, nullptr}};

}  // namespace

void register_statistics(lua_State* lua) {
  register_type(lua, kCounting, kMethods, counting_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
