#include "load/verifier_rules.h"

namespace ebl::load {

std::span<const VerifierRule> reference_rules() {
  static constexpr VerifierRule kRules[] = {
      {R"(alloc_insn=(\d+)\n.*tail_call would lead to reference leak|tail_call would lead to reference leak)",
       "the tail call leaves the program while it still holds {name}{call}",
       "submit, discard or release it before bpf_tail_call()", Subject::reference,
       "a reference"},
      {R"(Unreleased reference id=\d+ alloc_insn=(\d+))",
       "this path ends while the program still holds {name}{call}",
       "release it on every path: bpf_ringbuf_submit() or _discard() for a record, "
       "bpf_sk_release(), bpf_task_release(), bpf_iter_num_destroy() … for the others",
       Subject::reference, "a reference"},
      {R"(BPF_EXIT instruction.*(?:would lead to reference leak|bpf_spin_lock-ed region))",
       "this path ends while the program still holds a lock or a reference",
       "release it on every path"},
      {R"(bpf_spin_(?:un)?lock is missing|bpf_spin_unlock without)",
       "a path ends without bpf_spin_unlock()", "unlock on every path before `return`"},
      {R"(function calls are not allowed while holding a lock|helper call is not allowed in|calls? .*not allowed.*bpf_spin_lock)",
       "nothing may be called while a bpf_spin_lock is held",
       "call first, keep the result in a variable, and take the lock only around the "
       "loads and stores"},
      {R"(bpf_spin_lock cannot be accessed directly)",
       "a struct bpf_spin_lock may not be read or written",
       "use bpf_spin_lock() and bpf_spin_unlock(); copy the other members one by one"},
      {R"((?:tracing progs|socket filter progs) cannot use bpf_spin_lock yet)",
       "a program of this kind may not use bpf_spin_lock on this kernel",
       "use a per-CPU map, or __sync_fetch_and_add() on a shared value"},
      {R"(two bpf_spin_locks|already have a lock|locks? .*recursion)",
       "a second lock is taken while one is held", "unlock the first one before"},
      {R"(bpf_(?:rcu_read|preempt).*lock.* is missing|bpf_rcu_read_lock-ed region|unmatched)",
       "a path ends inside of a locked region",
       "call the matching unlock function on every path before `return`"},
      {R"(Expected an initialized dynptr as arg #(\d+))",
       "the dynptr that is passed here has never been initialised",
       "make it first: bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() … on every "
       "path before this"},
      {R"(Dynptr has to be an uninitialized dynptr|cannot overwrite referenced dynptr)",
       "the dynptr is in use", "submit or discard it before it is initialised again"},
      {R"(expected an initialized iter_(\w+) as arg #(\d+))",
       "the iterator has not been initialised on this path",
       "call bpf_iter_$1_new() first, and bpf_iter_$1_destroy() on every path after it"},
      {R"(expected uninitialized iter_(\w+) as arg #(\d+))", "the iterator is in use",
       "call bpf_iter_$1_destroy() before the next _new()"},
      {R"(R(\d+) must have zero offset when passed to release func|dereference of modified (?:alloc_mem|ringbuf_mem) ptr R(\d+))",
       "{name} points into the record, not at its beginning",
       "pass the pointer as bpf_ringbuf_reserve() returned it", Subject::address,
       "the pointer"},
      {R"(R(\d+) must be referenced|arg \d+ is an unacquired reference|release .* expects referenced PTR)",
       "{name} is no reference that this program holds",
       "release only what an acquiring function (bpf_task_from_pid(), "
       "bpf_task_acquire(), "
       "bpf_sk_lookup_tcp() …) returned, once",
       Subject::value, "the argument"},
  };
  return kRules;
}

}  // namespace ebl::load
