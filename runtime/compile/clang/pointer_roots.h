// Where a pointer of a program leads: to memory that BPF code may read itself, or to
// memory of the kernel or of a process that it must ask a helper for.
//
// Told from the IR alone, after inlining: casts, offsets, PHIs and selects are followed
// back to where the address comes from.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/InstrTypes.h>

#include <optional>

namespace ebl::compile {

/// One or more of these; several where paths meet.
struct Roots {
  bool own = false;      ///< the stack, a map value, a record, a global: read directly
  bool context = false;  ///< the context
  bool foreign =
      false;  ///< an address that was a value somewhere, in a register or field
  /// A pointer that was kept on the stack, where the IR does not tell what was put. Right
  /// to read through a helper, which may read anything; whether it may be written is the
  /// verifier's to say.
  bool spilled = false;

  bool needs_helper() const { return foreign || spilled; }
  bool only_foreign() const { return foreign && !own && !context && !spilled; }
};

/// Where `pointer`, a value of `function`, comes from. `is_program`: the function's first
/// argument is the context; else it is a callback, whose arguments the verifier knows.
Roots roots_of(const llvm::Value* pointer, bool is_program);

/// The number of the helper that is called, through libbpf's or BCC's function pointers
/// or by number; none for other calls.
std::optional<std::uint64_t> helper_of(const llvm::CallBase& call);

}  // namespace ebl::compile
