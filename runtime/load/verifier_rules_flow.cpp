#include "load/verifier_rules.h"

namespace ebl::load {

std::span<const VerifierRule> flow_rules() {
  static constexpr VerifierRule kRules[] = {
      {R"(infinite loop detected at insn (\d+))", "this loop never ends",
       "give it a condition that turns false after a known number of rounds: "
       "for (int i = 0; i < 64; i++)",
       Subject::instruction},
      {R"(back-edge from insn (\d+) to (\d+))",
       "the code comes back to itself, by a loop or by recursion, which is refused here",
       "unroll it (#pragma unroll, with a constant bound), or use bpf_loop() (5.17 and "
       "later)",
       Subject::instruction},
      {R"(BPF program is too large\. Processed (\d+) insn)",
       "the verifier gave up after $1 instructions: it walks through every round of "
       "every "
       "loop",
       "give the loop a small constant bound, or move its body to a callback of "
       "bpf_loop(), which is checked once",
       Subject::loop},
      {R"([Tt]he sequence of (\d+) jumps is too complex)",
       "the program has too many branches that the verifier must come back to (more than "
       "8192)",
       "test less in each round of the loop, or move its body to a callback of "
       "bpf_loop(), which is checked once",
       Subject::loop},
      {R"(combined stack size of (\d+) calls is (\d+)\. Too large)",
       "$1 nested functions use $2 bytes of stack, and 512 are all that there is",
       "keep big variables in a PERCPU_ARRAY of one entry as scratch memory"},
      {R"(the call stack of (\d+) frames is too deep)",
       "functions call each other $1 deep, and 8 is the most (recursion is never "
       "allowed)",
       "make the inner ones `static __always_inline`, or turn recursion into a loop"},
      {R"(recursive call from|call to .* from .* would be recursive)",
       "a function calls itself", "turn the recursion into a loop with a constant bound"},
      {R"(total number of maps per program has reached the limit of (\d+))",
       "the program uses more than $1 maps",
       "put what belongs together into one map (a struct as value), or into an "
       "array-of-maps; parts of the program can be tail-called with maps of their own"},
      {R"(unreachable insn (\d+))", "no path leads to this code",
       "remove it; the compiler never leaves such code, so it comes from asm or from a "
       "call of a function that never returns",
       Subject::instruction},
      {R"(jump out of range from insn (\d+) to (\d+))", "a jump leads out of the program",
       "a jump in asm must end at a label inside of the same function",
       Subject::instruction},
      {R"(last insn is not an exit or jmp)", "the function runs off its end",
       "let every path of it return (asm must end in `exit`)"},
      {R"(jump into the middle of ldimm64 insn (\d+)|bpf_ld_imm64 insn)",
       "a jump leads into the middle of an instruction",
       "count the instructions of asm with labels, not by hand"},
      {R"(div by zero)", "this divides by the constant 0",
       "divide by something else; a variable divisor needs no test: BPF defines x / 0 as "
       "0"},
      {R"(invalid shift (-?\d+))", "this shifts by $1 bits, more than the value has",
       "shift by less than the width of the type: x << (n & 31), or & 63"},
      {R"(verifier bug|BUG: |bug\.? spi|kernel subsystem misconfigured)",
       "this kernel's verifier failed on the program: a defect of the kernel",
       "write it another way: without a call in a callback, or with smaller functions; "
       "dmesg tells more"},
      {R"(unknown opcode 8d)", "a function is called through a pointer, which BPF cannot",
       "call functions by name (switch), or use bpf_tail_call() with a table of "
       "programs"},
      {R"(BPF_EXIT instruction in main prog cannot be used inside bpf_(\w+)-ed region)",
       "the program returns while it holds what bpf_$1 took",
       "release it on every path before `return`"},
      {R"(loop.* can.?t be.*callback|callback loop)", "a callback never ends",
       "give it a bound"},
  };
  return kRules;
}

}  // namespace ebl::load
