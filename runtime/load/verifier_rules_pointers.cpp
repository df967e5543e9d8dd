#include "load/verifier_rules.h"

namespace ebl::load {

std::span<const VerifierRule> pointer_rules() {
  static constexpr VerifierRule kRules[] = {
      {R"(R(\d+) leaks addr into map)",
       "a kernel address is written into a map, which without CAP_PERFMON is a leak",
       "store the value itself, not the pointer; or run with CAP_PERFMON",
       Subject::value},
      {R"(R(\d+) leaks addr as return value)",
       "the program returns a kernel address, which without CAP_PERFMON is a leak",
       "return a number", Subject::value},
      {R"(R(\d+) leaks addr|leaking pointer)",
       "a kernel address is written where user space reads it",
       "store the value itself, not the pointer", Subject::value},
      {R"(R(\d+) pointer comparison prohibited)",
       "a pointer is compared with a number, which without CAP_PERFMON is a leak",
       "compare pointers with NULL or with pointers of the same kind", Subject::value},
      {R"(R(\d+) bitwise operator (\S+) on pointer prohibited)",
       "a pointer is computed with by '$2'",
       "a pointer can only be added to and subtracted from; align the offset instead of "
       "the address",
       Subject::value},
      {R"(R(\d+) 32-bit pointer arithmetic prohibited)",
       "a pointer is cut to 32 bits and computed with",
       "use u64, or (long), for what holds a pointer", Subject::value},
      {R"(R(\d+) pointer arithmetic with (\S+) operator prohibited)",
       "a pointer is computed with by '$2'",
       "a pointer can only be added to and subtracted from", Subject::value},
      {R"(R(\d+) pointer arithmetic on map_ptr prohibited)",
       "a map is computed with as if it were an array of maps",
       "choose with if or switch between calls that name their map, or use an "
       "array-of-maps",
       Subject::none},
      {R"(R(\d+) pointer arithmetic on (\w+) prohibited)",
       "this moves a pointer that must stay as it was given ({pointer})",
       "use its members by name; read others with bpf_probe_read_kernel()",
       Subject::address},
      {R"(R(\d+) subtraction from stack pointer prohibited|R(\d+) tried to subtract pointer from scalar)",
       "a pointer is subtracted from a number",
       "subtract the other way round, or use "
       "offsets"},
      {R"(dereference of modified ctx ptr R(\d+) off=(-?\d+) disallowed|variable ctx access var_off)",
       "the context pointer was moved before it was used",
       "use ctx->member with constant indices; a helper gets the ctx as it was passed "
       "in; "
       "copy an array of the context to the stack before indexing it"},
      {R"(negative offset ctx ptr|R(\d+) is ptr to ctx.*)",
       "the context pointer was moved before it was used",
       "pass the ctx as the program got it"},
      {R"(dereference of modified (\w+) ptr R(\d+) off=(-?\d+) disallowed)",
       "a pointer to $1 was moved before it was used",
       "pass the pointer as it was returned"},
      {R"(func '(\w+)' doesn't have (\d+)-th argument)",
       "'$1' has fewer arguments than this reads",
       "its arguments are those of its BTF: ctx[0] is the first (ebpf-lua -l -v lists "
       "them)"},
      {R"(invalid bpf_context access off=(\d+) size=(\d+))",
       "a program of this kind may not access $2 bytes at offset $1 of its context like "
       "this",
       "only some members can be read, and few written, from each kind of program: a "
       "socket filter reads packet bytes with bpf_skb_load_bytes(), not skb->data"},
      {R"(access beyond struct (\w+) at off (\d+) size (\d+))",
       "offset $2 lies behind the end of struct $1",
       "use a member's name; -> computes the offset"},
      {R"(access beyond the end of member (\w+))",
       "this reads past the end of member '$1'", "bound the index by the array's size"},
      {R"(only read is supported|cannot write into trusted_ptr)",
       "a program may only read the kernel's structs",
       "write to a map or to a variable; a few members can be set through helpers"},
      {R"(cannot access ptr member (\w+) .* of struct|access .* disallowed)",
       "this member cannot be read directly", "use BPF_CORE_READ()"},
      {R"(R(\d+) is (\w*)ptr_(\w+) access user memory)",
       "a user-space pointer is read directly", "use bpf_probe_read_user()",
       Subject::address},
  };
  return kRules;
}

}  // namespace ebl::load
