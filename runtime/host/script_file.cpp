// What must be known of a script's file before root runs it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "host/bindings.h"
#include "host/lua_value.h"

namespace ebl::host {
namespace {

/// Who but root, and the user that called sudo, may write `path`; nullopt: nobody.
std::optional<std::string> foreign_writer(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  const char* sudo_user = std::getenv("SUDO_UID");
  const bool callers_own = sudo_user && status.st_uid == static_cast<uid_t>(std::strtoul(
                                                             sudo_user, nullptr, 10));
  if (status.st_uid != 0 && !callers_own) return "user " + std::to_string(status.st_uid);
  // In a sticky folder (/tmp) others cannot replace a file that is not theirs.
  const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX);
  if ((status.st_mode & S_IWOTH) && !sticky_folder) return "everybody";
  if ((status.st_mode & S_IWGRP) && status.st_gid != 0 && !sticky_folder)
    return "group " + std::to_string(status.st_gid);
  return std::nullopt;
}

std::string real_path(const char* path) {
  char resolved[PATH_MAX];
  return ::realpath(path, resolved) ? resolved : path;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// host.script_warning(path) -> text | nil: root is about to run what others may have
/// written.
int script_warning(lua_State* lua) {
  const char* path = luaL_checkstring(lua, 1);
  if (::geteuid() != 0) return 0;
  const std::string real = real_path(path);
  for (const std::string& place : {real, folder_of(real)}) {
    const std::optional<std::string> writer = foreign_writer(place);
    if (!writer) continue;
    push(lua,
         place + " may have been written by " + *writer + ", and root is running it");
    return 1;
  }
  return 0;
}

/// host.real_folder(path) -> the folder of a file, links resolved
int real_folder(lua_State* lua) {
  push(lua, folder_of(real_path(luaL_checkstring(lua, 1))));
  return 1;
}

/// host.is_own_folder(path) -> whether it is a folder of this user that nobody else may
/// write
int is_own_folder(lua_State* lua) {
  const char* path = luaL_checkstring(lua, 1);
  struct stat status{};
  lua_pushboolean(lua, ::lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
                           status.st_uid == ::geteuid() &&
                           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0);
  return 1;
}

Result<std::vector<std::string>> files_of(const std::string& folder, bool with_folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    const bool is_folder = entry->is_directory(unknown);
    const std::string name = entry->path().filename();
    if (!is_folder) names.push_back(name);
    if (is_folder && with_folders) names.push_back(name + "/");
  }
  if (error)
    return Error{.stage = Stage::script,
                 .code = Code::io,
                 .message = "cannot read " + folder + ": " + error.message()};
  std::ranges::sort(names);
  return names;
}

/// host.files(folder, with_folders) -> the names of its files, sorted, and of its folders
/// with a "/" behind | nil, err
int files(lua_State* lua) {
  const Result<std::vector<std::string>> names =
      files_of(luaL_checkstring(lua, 1), lua_toboolean(lua, 2) != 0);
  if (!names) return fail(lua, names.error());
  lua_createtable(lua, static_cast<int>(names->size()), 0);
  int place = 0;
  for (const std::string& name : *names) {
    push(lua, name);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"script_warning", script_warning},
                                   {"real_folder", real_folder},
                                   {"is_own_folder", is_own_folder},
                                   {"files", files},
                                   {nullptr, nullptr}};

}  // namespace

void register_script_file(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
