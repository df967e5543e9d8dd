// The kernel's functions that a spec stands for: one, a pattern's, a list's. Internal to
// attach/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attach/kind.h"

namespace ebl::attach {

struct KernelFunction {
  std::string name, module;  ///< module: empty for the kernel itself
  std::uint64_t address = 0;
};

/// Whether a spec's target stands for any number of functions: *, ? and lists.
bool is_pattern(std::string_view target);

/// Reads [MODULE:]FUNCTION[+OFFSET], where FUNCTION may be a pattern or a list.
Result<ProbeSpec> parse_functions(std::string_view text, ProbeSpec spec);
/// The opposite.
std::string functions_text(const ProbeSpec& spec);
/// The spec's text for messages, where a list may have hundreds of names.
std::string short_text(const ProbeSpec& spec);

/// By kallsyms, each address once. Names without a pattern may stand for a compiler's
/// variant (resolve_kernel_function()). Code::not_found for a name that is not there, and
/// for patterns that match nothing at all.
Result<std::vector<KernelFunction>> find_functions(const ProbeSpec& spec);

/// What bpf_get_attach_cookie() says at that function; 0: none.
std::uint64_t cookie_at(const KernelFunction& function, const Options& options);

}  // namespace ebl::attach
