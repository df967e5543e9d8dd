// BPF_LINK_CREATE as far as libbpf 1.1.2 does not carry it: attach types that it does not
// know and members of the attribute that it does not pass on. Internal to attach/.
#pragma once

#include <linux/bpf.h>

#include <cstdint>

#include "base/unique_fd.h"
#include "load/program.h"

namespace ebl::attach {

// Attach types that came after the headers of Linux 6.1.
inline constexpr auto type_struct_ops = static_cast<bpf_attach_type>(44);        // 6.4
inline constexpr auto type_netfilter = static_cast<bpf_attach_type>(45);         // 6.4
inline constexpr auto type_tcx_ingress = static_cast<bpf_attach_type>(46);       // 6.6
inline constexpr auto type_tcx_egress = static_cast<bpf_attach_type>(47);        // 6.6
inline constexpr auto type_uprobe_multi = static_cast<bpf_attach_type>(48);      // 6.6
inline constexpr auto type_unix_connect = static_cast<bpf_attach_type>(49);      // 6.7
inline constexpr auto type_unix_sendmsg = static_cast<bpf_attach_type>(50);      // 6.7
inline constexpr auto type_unix_recvmsg = static_cast<bpf_attach_type>(51);      // 6.7
inline constexpr auto type_unix_getpeername = static_cast<bpf_attach_type>(52);  // 6.7
inline constexpr auto type_unix_getsockname = static_cast<bpf_attach_type>(53);  // 6.7
inline constexpr auto type_netkit_primary = static_cast<bpf_attach_type>(54);    // 6.7
inline constexpr auto type_netkit_peer = static_cast<bpf_attach_type>(55);       // 6.7
inline constexpr auto type_kprobe_session = static_cast<bpf_attach_type>(56);    // 6.10
inline constexpr auto type_uprobe_session = static_cast<bpf_attach_type>(57);    // 6.13

inline constexpr unsigned program_netfilter = 32;  // bpf_prog_type, 6.4

// Flags of tcx and netkit links.
inline constexpr std::uint32_t link_before = 1u << 3;
inline constexpr std::uint32_t link_after = 1u << 4;
inline constexpr std::uint32_t link_relative_id = 1u << 5;
inline constexpr std::uint32_t link_relative_link = 1u << 13;

/// The kernel's attribute, with the union members that are needed here. A kernel that
/// does not know a member answers E2BIG where it is not zero.
struct LinkRequest {
  std::uint32_t program = 0;  ///< filled in by create_link()
  std::uint32_t target = 0;   ///< a descriptor or an interface, by type
  std::uint32_t type = 0;     ///< bpf_attach_type
  std::uint32_t flags = 0;
  union {
    struct {
      std::uint32_t relative, padding;  // a descriptor, or an id with link_relative_id
      std::uint64_t expected_revision;
    } tcx;  // and netkit
    struct {
      std::uint32_t family, hook;
      std::int32_t priority;
      std::uint32_t flags;
    } netfilter;
    struct {
      std::uint32_t flags, count;
      std::uint64_t symbols, addresses, cookies;
    } kprobe_multi;  // and kprobe_session
    struct {
      std::uint64_t path, offsets, semaphores, cookies;
      std::uint32_t count, flags, pid;
    } uprobe_multi;  // and uprobe_session
    struct {
      std::uint64_t info;
      std::uint32_t length;
    } iterator;
    struct {
      std::uint32_t btf_id, padding;
      std::uint64_t cookie;
    } tracing;
    std::uint8_t room[64] = {};
  };
};
static_assert(sizeof(LinkRequest) == 80);

/// The new link's descriptor; empty, with errno, when the kernel refuses.
UniqueFd create_link(int program_fd, LinkRequest request);
inline UniqueFd create_link(load::Program program, LinkRequest request) {
  return create_link(bpf_program__fd(program.handle), request);
}

/// The smallest program of a type ("r0 = 0; exit"), to try links with; empty, with errno,
/// when the kernel refuses it.
UniqueFd load_smallest(bpf_prog_type type, bpf_attach_type attach_type);

}  // namespace ebl::attach
