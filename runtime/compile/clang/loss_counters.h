// Counts what a program loses: failing calls of the helpers that store something.
//
// After each call of bpf_ringbuf_reserve, bpf_map_update_elem and the like comes a test
// of its result, and behind it, out of line, an atomic addition to a counter in the
// section kLossSection. There is one counter for each pair of map and program, a variable
// that loss_counter_name() names; an object without such calls gets no section.
//
// It is done on LLVM's intermediate code, where all dialects and all ways to write a call
// (macros, inline functions, the text's own declarations of helpers) look the same.
// Macros around the helpers would miss what a text takes from <bpf/bpf_helpers.h>.
//
// What is a loss: a record that found no room (ring and perf buffers, dynptrs, skb and
// xdp output), an element that could not be stored (update and push: all failures but
// EEXIST and ENOENT, which a flag of the call asks for; storages that were to be
// created), a stack that could not be kept (ENOMEM; EEXIST, another stack with the same
// hash). Not a loss: a user stack of a kernel thread (EFAULT), an entry that an LRU map
// pushes out.
#pragma once

#include <llvm/IR/PassManager.h>

namespace ebl::compile {

/// Adds the counters. Runs after the optimiser: helpers are constant addresses by then,
/// maps constant arguments, and inlined functions part of their program.
class LossCountersPass : public llvm::PassInfoMixin<LossCountersPass> {
 public:
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&);
  static bool isRequired() { return true; }
};

}  // namespace ebl::compile
