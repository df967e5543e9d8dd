#include "compile/confinement.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace ebl::compile {
namespace {

/// Has the kernel kill this process with its parent; false where the parent is gone
/// already.
bool die_with(pid_t parent) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

void close_all_but(int keep) {
  if (keep > 3) ::syscall(SYS_close_range, 3u, static_cast<unsigned>(keep - 1), 0u);
  const unsigned after = keep >= 3 ? static_cast<unsigned>(keep + 1) : 3u;
  if (::syscall(SYS_close_range, after, ~0u, 0u) == 0) return;
  // Before Linux 5.9. (A descriptor above 65,535 stays open there.)
  for (int fd = 3; fd < 65536; fd++)
    if (fd != keep) ::close(fd);
}

/// Descriptors 0 to 2 must be taken, or the next file opened becomes "standard output".
void silence_standard_streams() {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; fd++) {
    if (null >= 0)
      ::dup2(null, fd);
    else
      ::close(fd);
  }
  if (null > 2) ::close(null);
}

void default_signals() {
  for (int number = 1; number < NSIG; number++) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void drop_capabilities() {
  for (int capability = 0; capability < 64; capability++)
    if (::prctl(PR_CAPBSET_DROP, capability) != 0 && errno == EINVAL) break;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, kept) != 0) return;
  const std::uint32_t reading = kept[0].permitted & (1u << CAP_DAC_READ_SEARCH);
  kept[0] = {.effective = reading, .permitted = reading, .inheritable = 0};
  kept[1] = {};
  ::syscall(SYS_capset, &header, kept);
}

/// Bytes of private writable mappings now; ASan's shadow makes that terabytes.
std::uint64_t data_bytes() {
  unsigned long total, resident, shared, text, library, data = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu %lu %lu %lu %lu %lu", &total, &resident, &shared, &text,
                    &library, &data) != 6)
      data = 0;
    std::fclose(file);
  }
  return std::uint64_t{data} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit limits{soft, hard};
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limits);
}

#if defined(__x86_64__)
constexpr std::uint32_t kAuditArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kAuditArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kAuditArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__s390x__)
constexpr std::uint32_t kAuditArchitecture = AUDIT_ARCH_S390X;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::uint32_t kAuditArchitecture = AUDIT_ARCH_PPC64LE;
#else
constexpr std::uint32_t kAuditArchitecture = 0;
#endif

constexpr std::uint32_t kForbidden[] = {
#ifdef SYS_open
    SYS_open,
    SYS_creat,
    SYS_unlink,
    SYS_rename,
    SYS_mkdir,
    SYS_chmod,
#endif
    SYS_openat,
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_connect,
    SYS_bpf,
    SYS_ptrace,
    SYS_perf_event_open,
    SYS_kill,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_fchmodat,
    SYS_mount,
    SYS_open_by_handle_at,
};

}  // namespace

bool confine_server(pid_t parent, int keep) {
  if (!die_with(parent)) return false;
  ::setsid();
  default_signals();
  close_all_but(keep);
  silence_standard_streams();
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  drop_capabilities();
  // Dropping privileges must not have cleared the death signal.
  return die_with(parent);
}

bool confine_child(pid_t server, const Limits& limits) {
  if (!die_with(server)) return false;
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_CPU, limits.seconds, limits.seconds + 1);  // SIGXCPU tells what it was
  const rlim_t data = data_bytes() + limits.memory_bytes;
  limit(RLIMIT_DATA, data, data);
  ::alarm(limits.seconds * kWallClockFactor);
  return true;
}

void forbid_system_calls() {
  if (!kAuditArchitecture) return;
  constexpr std::uint32_t refuse = SECCOMP_RET_ERRNO | EACCES;
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAuditArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, refuse),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
#ifdef __x86_64__
  // The x32 numbers would pass by the list below.
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, refuse));
#endif
  for (const std::uint32_t number : kForbidden) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, refuse));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                     .filter = filter.data()};
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

}  // namespace ebl::compile
