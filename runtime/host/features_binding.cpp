// What this kernel and this process can do with BPF.
#include <sys/utsname.h>

#include "attach/link_features.h"
#include "base/mounts.h"
#include "base/permissions.h"
#include "host/bindings.h"
#include "host/lua_value.h"
#include "load/features.h"

namespace ebl::host {
namespace {

/// host.program_types() and its like -> {{name=, available=, reason=}…}
template <auto probe>
int push_features(lua_State* lua) {
  const std::vector<load::Feature> found = probe();
  lua_createtable(lua, static_cast<int>(found.size()), 0);
  int place = 0;
  for (const load::Feature& feature : found) {
    lua_createtable(lua, 0, 3);
    set_field(lua, "name", feature.name);
    set_flag(lua, "available", feature.available);
    if (!feature.reason.empty()) set_field(lua, "reason", feature.reason);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// host.helpers() -> {{program_type=, helpers={…}}…} | nil, err
int helpers(lua_State* lua) {
  const Result<std::vector<load::HelperSet>> found = load::probe_helpers();
  if (!found) return fail(lua, found.error());
  lua_createtable(lua, static_cast<int>(found->size()), 0);
  int place = 0;
  for (const load::HelperSet& set : *found) {
    lua_createtable(lua, 0, 2);
    set_field(lua, "program_type", set.program_type);
    lua_createtable(lua, static_cast<int>(set.helpers.size()), 0);
    int at = 0;
    for (const std::string& name : set.helpers) {
      push(lua, name);
      lua_rawseti(lua, -2, ++at);
    }
    lua_setfield(lua, -2, "helpers");
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

/// host.kept_attachments() -> {name…}
int kept_attachments(lua_State* lua) {
  const std::vector<std::string_view> kept = attach::kept_attachments();
  lua_createtable(lua, static_cast<int>(kept.size()), 0);
  int place = 0;
  for (const std::string_view one : kept) {
    push(lua, one);
    lua_rawseti(lua, -2, ++place);
  }
  return 1;
}

void set_number(lua_State* lua, const char* name, std::optional<int> number) {
  if (number) set_field(lua, name, static_cast<lua_Number>(*number));
}

/// host.privileges() -> {root=, user_namespace=, seccomp_filter=, lockdown=,
/// capabilities={CAP_BPF=boolean…}, unprivileged_bpf_disabled=?, perf_event_paranoid=?}
int privileges(lua_State* lua) {
  const PrivilegeFacts facts = privilege_facts();
  lua_newtable(lua);
  set_flag(lua, "root", facts.root);
  set_flag(lua, "user_namespace", facts.user_namespace);
  set_flag(lua, "seccomp_filter", facts.seccomp_filter);
  set_field(lua, "lockdown", to_string(facts.lockdown));
  set_number(lua, "unprivileged_bpf_disabled", facts.unprivileged_bpf_disabled);
  set_number(lua, "perf_event_paranoid", facts.perf_event_paranoid);
  lua_newtable(lua);
  for (const Capability one :
       {Capability::bpf, Capability::perfmon, Capability::net_admin,
        Capability::sys_admin, Capability::sys_ptrace, Capability::sys_resource,
        Capability::syslog})
    set_flag(lua, std::string(to_string(one)).c_str(), facts.has(one));
  lua_setfield(lua, -2, "capabilities");
  return 1;
}

/// host.kernel() -> {release=, machine=}
int kernel(lua_State* lua) {
  utsname name{};
  ::uname(&name);
  lua_createtable(lua, 0, 2);
  set_field(lua, "release", std::string_view(name.release));
  set_field(lua, "machine", std::string_view(name.machine));
  return 1;
}

/// host.mount_point(type) -> path | nil
int mount_point(lua_State* lua) {
  const std::optional<std::string> found = find_mount(luaL_checkstring(lua, 1));
  if (found)
    push(lua, *found);
  else
    lua_pushnil(lua);
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"program_types", push_features<load::probe_program_types>},
    {"map_types", push_features<load::probe_map_types>},
    {"link_kinds", push_features<attach::probe_links>},
    {"kept_attachments", kept_attachments},
    {"helpers", helpers},
    {"privileges", privileges},
    {"kernel", kernel},
    {"mount_point", mount_point},
    {nullptr, nullptr}};

}  // namespace

void register_features(lua_State* lua) {
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
