// The command of -c, and the file of -o.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/child.h"
#include "host/bindings.h"
#include "host/lua_value.h"

namespace ebl::host {
namespace {

constexpr const char* kChild = "child process";
using ChildBox = Box<Child>;

/// host.start_child(command, descriptor of its standard output) -> child | nil, err
int start_child(lua_State* lua) {
  const char* command = luaL_checkstring(lua, 1);
  const int output = static_cast<int>(luaL_checkinteger(lua, 2));
  Result<Child> child = Child::start(command, output);
  if (!child) return fail(lua, child.error());
  ChildBox::push(lua, std::move(*child), kChild);
  return 1;
}

int child_pid(lua_State* lua) {
  lua_pushinteger(lua, ChildBox::open(lua, 1, kChild).pid());
  return 1;
}

int child_fd(lua_State* lua) {
  lua_pushinteger(lua, ChildBox::open(lua, 1, kChild).fd());
  return 1;
}

/// child:release() -> true | nil, err
int child_release(lua_State* lua) {
  return finish(lua, ChildBox::open(lua, 1, kChild).release());
}

/// child:exit_code() -> number, or nil while it runs
int child_exit_code(lua_State* lua) {
  const std::optional<int> code = ChildBox::open(lua, 1, kChild).exit_code();
  if (code)
    lua_pushinteger(lua, *code);
  else
    lua_pushnil(lua);
  return 1;
}

int child_close(lua_State* lua) {
  ChildBox::check(lua, 1, kChild)->close();
  return 0;
}

/// Standard output becomes the file; the descriptor of what it was.
Result<UniqueFd> redirect(const char* path) {
  const auto failed = [path](int error) {
    return Error{
        .stage = Stage::script,
        .code = error == EACCES || error == EPERM ? Code::not_permitted : Code::io,
        .message = std::string("cannot write ") + path + ": " + errno_text(error)};
  };
  const UniqueFd file(::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return failed(errno);
  std::fflush(stdout);
  UniqueFd before(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!before || ::dup2(file.get(), STDOUT_FILENO) < 0) return failed(errno);
  return before;
}

/// host.redirect_output(path) -> descriptor of the former standard output | nil, err
int redirect_output(lua_State* lua) {
  Result<UniqueFd> before = redirect(luaL_checkstring(lua, 1));
  if (!before) return fail(lua, before.error());
  lua_pushinteger(lua, before->release());
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"pid", child_pid},
                                 {"fd", child_fd},
                                 {"release", child_release},
                                 {"exit_code", child_exit_code},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"start_child", start_child},
                                   {"redirect_output", redirect_output},
                                   {nullptr, nullptr}};

}  // namespace

void register_child(lua_State* lua) {
  register_type(lua, kChild, kMethods, child_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
