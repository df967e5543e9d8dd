// What the compile server and its children give up right after their fork.
//
// C text comes from whoever wrote the script, and often root runs it. So the server keeps
// no descriptor of the host (it would keep BPF links alive after the host's death), no
// terminal and no capability but CAP_DAC_READ_SEARCH, where it has that: under sudo, a
// script and its headers commonly lie in a home directory that is closed to others; a
// child that compiles also loses open(2): what it may read is fetched with openat2(2)
// below allowed directories. That closes the doors that clang itself does not know of,
// such as `.incbin "/etc/shadow"` in inline assembly or a #line that names a file whose
// lines would end up in the object's debug information.
//
// All functions are for a process that has just been forked: no locks, no output.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace ebl::compile {

/// How much longer than its processor time a compile may take by the clock, on a machine
/// that is busy with other things.
constexpr std::uint32_t kWallClockFactor = 6;

struct Limits {
  std::uint32_t seconds = 10;               ///< of processor time
  std::uint64_t memory_bytes = 2ull << 30;  ///< on top of what the server has
};

/// Leaves the process with `keep` and /dev/null as descriptors 0 to 2, in a session of
/// its own with default signal dispositions, without those capabilities, killed when
/// `parent` dies. False where the parent has died already.
bool confine_server(pid_t parent, int keep);

/// Sets the limits of a child that compiles, and its death with the server. False where
/// the server has died already.
bool confine_child(pid_t server, const Limits& limits);

/// From here on open(2), execve(2), sockets, bpf(2), ptrace(2) and the like fail with
/// EACCES. Best effort: a kernel without seccomp goes on without it.
void forbid_system_calls();

}  // namespace ebl::compile
