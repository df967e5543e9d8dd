// Finding what the user meant by the name of a kernel function or event. Internal to
// attach/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/spec.h"
#include "base/result.h"

namespace ebl::attach {

/// What a function that left the kernel is called now: do_fork -> kernel_clone. Empty
/// when the name is not in the table.
std::string_view renamed_function(std::string_view name);

/// The symbol for a name that the kernel does not have as it is: a compiler's variant
/// (NAME.isra.0), or the entry of a system call (execve or sys_execve ->
/// __x64_sys_execve). Code::not_found with near names otherwise.
Result<std::string> resolve_kernel_function(const ProbeSpec& spec);

/// The entry of a system call or, with * and ?, the pattern of such: execve ->
/// __x64_sys_execve. Code::not_found for a call that the kernel does not have.
Result<std::string> syscall_function(const ProbeSpec& spec, std::string_view call);

/// The same choice among given names, which are sorted; empty: none of them fits.
std::string choose_function(std::string_view wanted,
                            const std::vector<std::string>& names);

/// Why the kernel lets no kprobe sit on a symbol that it has; nullopt: not known.
std::optional<Error> why_refused(const ProbeSpec& spec, const std::string& function);

/// The Error for a function that is not among `names`: what became of it (another name,
/// inlined, without types), else not_found with near names.
Error no_such_function(const ProbeSpec& spec, const std::vector<std::string>& names);
/// not_found for a raw tracepoint or tp_btf, with near names from the kernel's BTF.
Error no_such_event(const ProbeSpec& spec);
/// The names of all functions in the kernel's BTF; empty without BTF.
std::vector<std::string> btf_functions();

}  // namespace ebl::attach
