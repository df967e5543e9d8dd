// Struct_ops: maps that are a struct of the kernel's own functions (a TCP congestion
// control), each function a program. libbpf 1.1.2 knows them as they were before Linux
// 6.4, without links; these two bring them up to date.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <string>
#include <vector>

namespace ebl::load {

/// BPF_F_LINK (6.4): what was written to the map takes effect by a link.
inline constexpr unsigned kStructOpsLink = 1u << 13;

/// Makes SEC(".struct_ops.link"), which libbpf 1.1.2 passes over, SEC(".struct_ops"):
/// here both have a link wherever the kernel has them.
void rename_struct_ops(std::vector<std::byte>& elf);

/// Maps that are declared as struct_ops like any other map. They have no functions, and
/// loading one ends libbpf 1.1.2 with a segmentation fault.
std::vector<std::string> undeclared_struct_ops(const bpf_object* object);

/// Whether this kernel has links for struct_ops, by its own types: trying needs type ids
/// that only a load finds out, and a load cannot be tried twice.
bool kernel_has_struct_ops_links();

/// Sets kStructOpsLink on the struct_ops maps of an opened object where this kernel has
/// links for them.
void prefer_struct_ops_links(bpf_object* object);

}  // namespace ebl::load
