#include "load/verifier_rules.h"

namespace ebl::load {

std::span<const VerifierRule> call_rules() {
  static constexpr VerifierRule kRules[] = {
      // which function
      {R"(cannot call GPL-restricted function from non-GPL compatible program)",
       "this helper is for programs under the GPL only, and this one is not "
       "declared to be",
       "char LICENSE[] SEC(\"license\") = \"GPL\"; (or \"Dual MIT/GPL\" and the like)"},
      {R"(cannot call GPL only function|GPL.?only|must have GPL compatible license)",
       "this function is for programs under the GPL only, and this one is not "
       "declared to be",
       "char LICENSE[] SEC(\"license\") = \"GPL\";"},
      {R"(invalid func unknown#(\d+))", "this kernel has no helper {helper}",
       "it is newer than the kernel, or no helper at all", Subject::helper, "", true},
      {R"(number of funcs in func_info doesn't match number of subprogs)",
       "this kernel has no helpers that call a function of the program",
       "bpf_loop(), bpf_for_each_map_elem() and timers are newer than the kernel: write "
       "a loop whose end the verifier sees",
       Subject::none, "", true},
      {R"((?:program of this type cannot use helper|unknown func) (\w+)#(\d+))",
       "a program of this kind cannot call $1() on this kernel",
       "bpf-helpers(7) lists which kind of program can call what"},
      {R"(helper call might sleep in a non-sleepable prog|sleepable helper \w+#\d+ in)",
       "this helper may sleep, and this program may not",
       "use a sleepable program (a section that ends in .s: SEC(\"lsm.s/…\"), "
       "SEC(\"fentry.s/…\"), SEC(\"uprobe.s\")), or the _nofault kind: "
       "bpf_probe_read_user()"},
      {R"(program must be sleepable to call sleepable kfunc (\w+)|kernel func (\w+) is sleepable within)",
       "the kernel function $1$2 may sleep, and this program may not",
       "use a sleepable program: a section that ends in .s"},
      {R"(calling kernel function (\w+) is not allowed)",
       "a program of this kind may not call the kernel function $1()",
       "kernel functions (kfuncs) are registered for some kinds of program only: "
       "tracing, "
       "XDP, TC, struct_ops"},
      {R"(calling kernel functions? (?:from|are not)|JIT does not support calling kernel function)",
       "this kernel cannot call kernel functions from BPF here",
       "use a helper, or a newer kernel", Subject::none, "", true},
      {R"(tail_calls? are not allowed|tail_call.*(?:subprog|callback)|callback function not)",
       "bpf_tail_call() is not possible here",
       "call it from the program itself, not from a function or a callback of it"},
      {R"(cannot pass map_type (\d+) into func (\w+)#(\d+))",
       "$2() does not work on a map of this kind",
       "bpf_ringbuf_output() is for RINGBUF, bpf_perf_event_output() for PERFBUF, "
       "bpf_map_push_elem() for QUEUE and STACK"},

      // its arguments
      {R"(Expected a pointer to bpf_timer|map_kptr|R(\d+) type=(\w+) expected=map_value$)",
       "argument {argument} must lie in a map's value or in a constant, not on the stack",
       "look the value up in a map and pass a pointer into it; a format string is a "
       "`static const char fmt[]`",
       Subject::value},
      {R"(R(\d+) type=(\w+) expected=map_ptr)", "argument {argument} is no map",
       "pass the address of a map: &name", Subject::value},
      {R"(R(\d+) type=(?:scalar|inv) expected=fp\nCaller passes invalid args into func#\d+ \('(\w+)'\))",
       "argument {argument} of $2() is a number where the function expects a pointer",
       "pass the address of a variable or of a map's value", Subject::value},
      {R"(Caller passes invalid args into func#\d+ \('(\w+)'\))",
       "the arguments do not fit the function $1()",
       "a global function is checked on its own: make it static, or pass what its "
       "parameters say"},
      {R"(R(\d+) type=(?:scalar|inv) expected=(.*))",
       "argument {argument} must point to memory that the program may read, and {name} "
       "is "
       "only a number",
       "pass the address of a variable: &key; read other memory with "
       "bpf_probe_read_kernel() into one first",
       Subject::value, "it"},
      {R"(R(\d+) type=(\w+) expected=(.*))",
       "argument {argument} is of the wrong kind: $2", "pass one of these: $3",
       Subject::value},
      {R"(R(\d+) !read_ok)",
       "{name} is read before anything has been written to it on this path",
       "give it a value on every path; a function must return one, and after a call the "
       "registers R1 to R5 are gone",
       Subject::none, "a register"},
      {R"(arg#(\d+) pointer type (\w+ \w+) must point)",
       "the kernel function's argument $1 (counted from 0) must be a pointer to the "
       "kernel's own $2",
       "pass one that the kernel gave (a trusted one): an argument of tp_btf or fentry, "
       "or bpf_get_current_task_btf()"},
      {R"(R(\d+) must be (?:referenced or trusted|a rcu pointer|trusted))",
       "{name} is no pointer that the kernel vouches for",
       "pass an argument of tp_btf or fentry, bpf_get_current_task_btf(), or what an "
       "acquiring function returned; not a pointer that was read from memory or cast "
       "from "
       "a number",
       Subject::value, "the argument"},
      {R"(arg#(\d+) (?:expected|is expected to be) pointer to ctx|arg#(\d+) reference type)",
       "the function's parameter $1 has a type that the verifier does not accept",
       "pass the context, a number, or a pointer to a struct with its size known"},
      {R"([Ii]nvalid format string|fmt string)",
       "the format string has a conversion that BPF does not know, or not as many as "
       "there are arguments",
       "known are %d %i %u %x %llu %ld %s %c %p %pks %pus %pB %pi4 %pI4 %pi6 %pI6"},

      // results
      {R"(At callback return the register R0 has (?:smin=(-?\d+) smax=(-?\d+)|.*) should have been in \[(-?\d+), (-?\d+)\])",
       "the callback may only return $3 to $4", "return 0 to go on and 1 to stop",
       Subject::none},
      {R"(At callback return the register R0)",
       "the callback returns a value that it may not", "return 0 to go on and 1 to stop"},
      {R"(At (?:program exit|async callback return|subprogram exit) the register R0 has (?:smin=(-?\d+) smax=(-?\d+)|.*)should have been in [\[(](.*)[\])])",
       "a program of this kind may only return values in [$3]",
       "return a constant of the hook on every path: 0 or 1 for cgroup programs, 0 or "
       "-errno for LSM programs",
       Subject::value, "the result"},
      {R"(At program exit the register R0)",
       "the program returns a value that its hook does not allow",
       "return a constant of the hook on every path: 0 or 1 for cgroup programs"},
      {R"(reference has not been acquired|attach_btf_id|missing BTF|prog has no valid kern_version)",
       "the program's target is not one that this kernel knows",
       "look the name up: ebpf-lua -l 'tp_btf:*'"},
      {R"(func#\d+ .*args?.*(?:more than|exceed).* 5|arg.*on stack)",
       "a function has more than five arguments", "pass a struct by pointer"},
  };
  return kRules;
}

std::array<std::span<const VerifierRule>, 5> verifier_rules() {
  return {flow_rules(), reference_rules(), memory_rules(), pointer_rules(), call_rules()};
}

}  // namespace ebl::load
