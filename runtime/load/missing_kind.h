// After a load failed with EINVAL: does this kernel have that kind of program or map at
// all?
#pragma once

#include <bpf/libbpf.h>

#include <string>

namespace ebl::load {

/// "programs of type syscall" or "maps of type arena" where the kernel, asked by trying
/// one alone, has none of the kind that `program` or `map` of `object` is; empty where it
/// has, cannot tell, or there is neither.
std::string missing_kind(const bpf_object* object, const std::string& program,
                         const std::string& map);

}  // namespace ebl::load
