#include "load/verifier_rules.h"

namespace ebl::load {

#define TEST_FOR_NULL "test it before it is used: if (!{variable}) return 0;"

std::span<const VerifierRule> memory_rules() {
  static constexpr VerifierRule kRules[] = {
      // NULL
      {R"(R(\d+) pointer arithmetic on (\w+_or_null) prohibited)",
       "{name}{call} may be NULL, and is computed with before it is tested",
       TEST_FOR_NULL, Subject::address, "the pointer"},
      {R"(R(\d+) invalid mem access '(?:map_value_or_null|ringbuf_mem_or_null|alloc_mem_or_null|\w*_or_null_?)')",
       "{name}{call} may be NULL here", TEST_FOR_NULL, Subject::address, "the pointer"},
      {R"(R(\d+) type=\w*_or_null_?\w* expected=)",
       "{name}{call} may be NULL, and is passed on untested", TEST_FOR_NULL,
       Subject::value, "the pointer"},
      {R"(Possibly NULL pointer passed to (?:trusted )?arg(\d+))",
       "a pointer that may be NULL is passed to a kernel function (its argument $1, "
       "counted from 0)",
       "test it before: if (!p) return 0;"},

      // pointers that are none
      {R"(R(\d+) invalid mem access '(?:scalar|inv|imm)')",
       "{name}{call} is NULL on this path", TEST_FOR_NULL, Subject::null, "the pointer"},
      {R"(R(\d+) invalid mem access '(?:scalar|inv)')",
       "{name} is not valid any more: {ended_by} has ended it",
       "use it before that call, or get it again after it (for a packet: read ctx->data "
       "and ctx->data_end once more and compare again)",
       Subject::ended, "the pointer"},
      {R"(R(\d+) invalid mem access '(?:scalar|inv|imm)')",
       "{name} is only a number to the verifier: memory behind it cannot be read "
       "directly",
       "read kernel memory with BPF_CORE_READ(p, member) or bpf_probe_read_kernel(), and "
       "memory of a process with bpf_probe_read_user() or bpf_probe_read_user_str()",
       Subject::address, "the pointer"},

      // the packet
      {R"(invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=0,off=-?\d+,r=0\))",
       "$2 bytes of the packet are accessed that have not been compared with data_end",
       "before: if ((void *)(p + 1) > (void *)(long)ctx->data_end) return …;"},
      {R"(invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=0,off=-?\d+,r=(\d+)\))",
       "the comparison with data_end covers $4 bytes, and this accesses $2 more at "
       "offset "
       "$1",
       "compare the end of what is read here, not only of the header before it"},
      {R"(invalid access to packet, off=(-?\d+) size=(\d+), R(\d+))",
       "an offset into the packet that is only known at run time has not been compared "
       "with data_end",
       "compare after the last addition: if ((void *)(p + 1) > data_end) return …; and "
       "bound the offset before it (& 63)"},

      // sizes given to helpers
      {R"(R(\d+) (?:min value is negative|unbounded memory access), (?:either )?use)",
       "of the size {name}, only the low 32 bits have bounds for the verifier "
       "({low_range}): the compiler compares 32 bits and passes 64",
       "mask it after the comparison (size &= 0xff;), or keep the compiler from merging "
       "the two: barrier_var(size); before the comparison",
       Subject::value, "given here"},
      {R"(R(\d+) min value is negative, either use unsigned or 'var &= const')",
       "the size {name} may be negative ({range})",
       "make it unsigned (u32), or bound it on both sides: if (size < 0 || size > MAX) "
       "return 0;",
       Subject::value, "given here"},
      {R"(R(\d+) unbounded memory access, use 'var &= const' or 'if \(var < const\)')",
       "the size {name} has no upper bound for the verifier ({range})",
       "bound the very variable that is passed, as an unsigned one: "
       "if (size > sizeof(buffer)) size = sizeof(buffer);",
       Subject::value, "given here"},
      {R"(R(\d+) invalid zero-sized read)",
       "the size {name} may be 0 ({range}), and this helper needs at least 1 byte",
       "if (!size) return 0; before the call", Subject::value, "given here"},
      {R"(invalid zero-sized read)",
       "the size that is passed may be 0, and this helper needs at least 1 byte",
       "if (!size) return 0; before the call"},
      {R"(R(\d+) is not a known constant'?)", "{name} must be a constant here",
       "pass sizeof(…) or a number: the record's size "
       "is fixed; for a variable one use bpf_ringbuf_output()",
       Subject::value, "the size"},

      // map values
      {R"(R(\d+) (?:max|min) value is outside of the allowed memory range)",
       "{name} can be {range}, and only below {limit} is inside",
       "refuse others first: if ({index} >= {limit}) return 0; or, where the size is a "
       "power of two, mask it: & ({limit} - 1)",
       Subject::addend, "the index"},
      {R"(invalid access to map value, value_size=(\d+) off=(-?\d+) size=(\d+))",
       "$3 bytes at offset $2 lie outside of the map's value of $1 bytes",
       "stay inside of the value: compare the index with the number of elements first",
       Subject::address, "the index"},
      {R"(invalid access to memory, mem_size=(\d+) off=(-?\d+) size=(\d+))",
       "$3 bytes at offset $2 lie outside of the $1 bytes of {name}{call}",
       "stay inside of it, or reserve more", Subject::address, "the memory"},
      {R"(R(\d+) unbounded memory access, make sure to bounds check)",
       "the index {name} has no upper bound for the verifier ({range})",
       "bound it before: if ({index} >= 16) return 0; or mask it: {index} & 15 (with the "
       "number of elements)",
       Subject::addend, "used here"},
      {R"(R(\d+) min value is negative, either use unsigned index|R(\d+) unbounded memory access, min)",
       "the index {name} may be negative ({range})",
       "make it unsigned, or refuse negative values: if ({index} < 0) return 0;",
       Subject::addend, "used here"},
      {R"(math between (\w+) pointer and register with unbounded min value)",
       "the index {name} may be negative ({range})",
       "make it unsigned, or refuse negative values: if ({index} < 0) return 0;",
       Subject::addend, "used here"},
      {R"(value (-?\d+) makes (\w+) pointer be out of bounds)",
       "the offset $1 is too large for any memory", "bound the index first",
       Subject::addend},

      // the stack
      {R"(invalid (?:indirect )?read from stack (?:R(\d+) )?off (-?\d+)\+(\d+) size (\d+))",
       "of the $4 bytes on the stack, byte $3 cannot be read: it has never been written "
       "(padding counts), or holds a kernel address",
       "zero the whole variable first: struct key key = {}; or __builtin_memset(&key, 0, "
       "sizeof(key))",
       Subject::value},
      {R"(invalid unbounded variable-offset (\w+) (?:from|to) stack R(\d+)|R(\d+) unbounded variable-offset)",
       "the index into an array on the stack has no bound for the verifier",
       "bound it before: if (i >= 8) return 0; or mask it: i & 7; a table that is looked "
       "up at run time is better kept in a map or in .rodata",
       Subject::addend},
      {R"(invalid variable-offset (\w+) (?:from|to) stack R(\d+) var_off=\S+ \S+ (?:off=(-?\d+) )?size=(\d+))",
       "the index into an array on the stack can lie outside of it",
       "bound it by the number of elements before: if (i >= 8) return 0; or & 7",
       Subject::addend},
      {R"(invalid (?:indirect access to|write to|read from) stack R(\d+) off=-?(\d+) size=(\d+))",
       "$3 bytes are accessed where only $2 bytes of the stack are left",
       "pass sizeof(variable); where the size is computed, bound it by that",
       Subject::none},
      {R"(invalid (?:indirect )?(?:access to|write to|read from) stack|invalid stack type|invalid stack off)",
       "an access to the stack lies outside of the variables there",
       "check the size and the index against the variable's"},

      {R"(attempt to corrupt spilled pointer on stack)",
       "a part of a pointer that lies on the stack is overwritten, which is refused "
       "without CAP_PERFMON",
       "run with CAP_PERFMON, or zero the whole variable before its members are set"},

      // alignment and read-only memory
      {R"(misaligned (\w+) access off .*size (\d+))",
       "$2 bytes are accessed at an address that is no multiple of $2",
       "order or pad the struct's members so that they are aligned (no packed struct "
       "under an atomic operation)"},
      {R"(BPF_STX uses reserved fields)",
       "this kernel has no atomic operation that gives a value back (5.12 and later do)",
       "leave the result of __sync_fetch_and_add unused, or use bpf_spin_lock()"},
      {R"(write into map forbidden)",
       "this writes to memory that the program may only read",
       "a `const` global variable is set from Lua before load (constants = {…}): drop "
       "the "
       "const to write it, and BPF_F_RDONLY_PROG from a map's flags"},
      {R"(read from map forbidden)", "this map's values may not be read by programs",
       "drop BPF_F_WRONLY_PROG from the map's flags"},
      {R"(R(\d+) cannot write into (\w+)|R(\d+) type=rdonly_\w+ expected=)",
       "this writes to memory that the program may only read",
       "copy it to a variable first, or write to a map", Subject::value},
  };
  return kRules;
}

#undef TEST_FOR_NULL

}  // namespace ebl::load
