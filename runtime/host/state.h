// State: the Lua state with our modules in it. The only entry into Lua from outside.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

struct lua_State;

namespace ebl::host {

/// What the command line asked for.
struct Settings {
  std::string code;  ///< -e
  bool has_code = false;
  std::string script;             ///< SCRIPT, NAME or "-"
  std::vector<std::string> args;  ///< the script's own
  double duration = 0;            ///< -d, seconds; 0: no limit
  bool json = false;
  bool csv = false;
  bool verbose = false;
  bool no_cache = false;
  std::string cache;         ///< --cache: "clear" or "stats"
  std::string color;         ///< --color: "auto", "always" or "never"
  std::string dump;          ///< what to show of each object; empty: nothing
  std::string output;        ///< -o: the file for standard output; empty: none
  std::string command;       ///< -c: a process to run and look at
  int pid = 0;               ///< -p: the process to look at; 0: all
  bool list = false;         ///< -l: the probes that match `args`
  bool info = false;         ///< --info: what this kernel can; "helpers" may be in `args`
  bool tools = false;        ///< --tools: what is in the gallery
  bool dry_run = false;      ///< compile and verify, attach nothing
  bool interactive = false;  ///< the prompt, after the code or script if there is one
};

/// Runs what `settings` names, to its end, and returns the program's exit code. Every
/// error is printed to stderr; everything attached is detached.
int run(const Settings& settings);

/// "LuaJIT 2.1.0-beta3", "libbpf 1.1" …: one line each, for --version.
std::string component_versions();

}  // namespace ebl::host
