// What the verifier's reasons mean and what to do about them, as tables.
//
// A rule: the kernel's words as a regular expression -> one sentence -> one remedy. In
// the texts, $1 to $9 are what the expression captured, and these stand for what is known
// about the register that it names:
//   {name}     the C variable, quoted: 'value'; else the rule's `thing`
//   {variable} the same without quotes, or "p"; {index} or "i"
//   {argument} the register's number, which is that of a call's argument
//   {call}     the function that returned the value: " (from f())"; else empty
//   {range}    its range as a number: "0 to 16"
//   {low_range} the same of its low 32 bits, where only these have bounds
//   {pointer}  what it points to: "a value of map 'counts'"
//   {limit}    the first index that is too large
//   {ended_by} the call that made a pointer invalid
//   {helper}   the helper: "bpf_loop(), number 181", or "number 9999"
// A rule with one of the last six is passed over where that is not known. The first rule
// that matches wins; those of the groups are tried in the order of
// verifier_rules().
#pragma once

#include <array>
#include <span>

namespace ebl::load {

/// What of a log belongs to the explanation, beside the C line where it was refused.
enum class Subject {
  none,
  value,      ///< the register of capture 1: where its value comes from
  address,    ///< the register of capture 1, or the one that the instruction goes through
  addend,     ///< the same, but what was added to it
  ended,      ///< a register that a call has made invalid; passed over where none has
  null,       ///< the same as address, where it is the constant 0; else passed over
  reference,  ///< capture 1 is the instruction that acquired it
  instruction,  ///< capture 1 is the instruction that it is about
  helper,       ///< capture 1 is the number of a helper
  loop,         ///< the loop that the verifier went through most
};

struct VerifierRule {
  const char* pattern;
  const char* sentence;
  const char* remedy;
  Subject subject = Subject::none;
  const char* thing = "the value";
  bool kernel_lacks_it = false;  ///< another kernel may take the same program
};

std::span<const VerifierRule> flow_rules();       ///< loops, limits, stack, jumps
std::span<const VerifierRule> reference_rules();  ///< leaks, locks, iterators, dynptrs
std::span<const VerifierRule> memory_rules();     ///< NULL, bounds, sizes, the packet
std::span<const VerifierRule> pointer_rules();    ///< arithmetic, leaks, the context
std::span<const VerifierRule> call_rules();       ///< helpers, kfuncs, arguments, results

/// All groups, in the order in which they are tried.
std::array<std::span<const VerifierRule>, 5> verifier_rules();

}  // namespace ebl::load
