// The server process: opens compiler.so, then forks once for each compile.
//
// The numbers behind it: a process that links the shared LLVM takes 42 ms for a compile,
// one that opens the archives' compiler.so 29 ms, a fork of a server that has opened it
// 11 ms (docs/decisions/001). compiler.h is the other end of the socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "compile/confinement.h"

namespace ebl::compile {

struct ServerSettings {
  std::string library;
  std::string btf_path;
  Limits limits;
};

/// The life of the server, in a process that has just been forked from `host`: serves
/// Tickets from `socket` until the host closes its end, and never returns. Prints
/// nothing.
[[noreturn]] void serve(pid_t host, int socket, const ServerSettings& settings);

}  // namespace ebl::compile
