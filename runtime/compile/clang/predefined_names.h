// Names that BTF does not have, or that a text needs where there is no BTF at all.
//
// The kernel's constants that are macros (ETH_P_IP, AF_INET, NSEC_PER_SEC) are answered
// as enumerators, and u8..u64 and the like as types, only when the text looks for them:
// so they never collide with what the text defines, be it a macro, an enumerator or a
// variable. (They are not seen by #if; the macros that must be are in
// bpf_templates/kernel.h.)
#pragma once

#include <clang/AST/ASTContext.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ebl::compile {

struct PredefinedConstant {
  bool is_negative = false;
  std::uint64_t value = 0;  ///< two's complement where negative
};

/// From bpf_templates/kernel_constants.def.
std::optional<PredefinedConstant> predefined_constant(std::string_view name);

/// The names of all constants and types of this file.
std::vector<std::string> predefined_names();

/// The type that `name` stands for: u32, __be16, size_t, bool ...; null where it is none.
clang::QualType predefined_type(const clang::ASTContext& context, std::string_view name);

}  // namespace ebl::compile
