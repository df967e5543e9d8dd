// Verifier logs as kernels gave them, and what a user is told.
#include <gtest/gtest.h>

#include "load/load_error.h"

namespace ebl::load {
namespace {

constexpr const char* kNullPointer = R"(0: R1=ctx() R10=fp0
; u64 *value = bpf_map_lookup_elem(&counts, &key); @ script.lua:11
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=counts,ks=4,vs=8)
; *value += 1; @ script.lua:12
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
)";

constexpr const char* kOldKernel = R"(0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; return *(int *)(p + index);
12: (0f) r1 += r2
R1 unbounded memory access, make sure to bounds check any such access
processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
)";

TEST(VerifierLog, gives_the_reason_the_line_and_its_place) {
  const VerifierReason reason = verifier_reason(kNullPointer);
  EXPECT_EQ(reason.reason, "R0 invalid mem access 'map_value_or_null'");
  EXPECT_EQ(reason.source, "*value += 1;");
  EXPECT_EQ(reason.location.file, "script.lua");
  EXPECT_EQ(reason.location.line, 12);
}

TEST(VerifierLog, reads_logs_of_kernels_that_tell_no_place) {
  const VerifierReason reason = verifier_reason(kOldKernel);
  EXPECT_EQ(reason.reason,
            "R1 unbounded memory access, make sure to bounds check any such access");
  EXPECT_EQ(reason.source, "return *(int *)(p + index);");
  EXPECT_TRUE(reason.location.file.empty());
}

TEST(VerifierLog, an_empty_log_has_no_reason) {
  EXPECT_EQ(verifier_reason("").reason, "");
  EXPECT_EQ(verifier_reason("processed 2 insns (limit 1000000)\n").reason, "");
}

struct Remedy {
  const char* reason;
  const char* hint;
};

class VerifierHint : public testing::TestWithParam<Remedy> {};

TEST_P(VerifierHint, names_the_next_action) {
  EXPECT_NE(verifier_hint(GetParam().reason).find(GetParam().hint), std::string::npos)
      << verifier_hint(GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Remedies, VerifierHint,
    testing::Values(
        Remedy{"R0 invalid mem access 'map_value_or_null'", "NULL"},
        Remedy{"R6 invalid mem access 'scalar'", "BPF_CORE_READ"},
        Remedy{"Unreleased reference id=3 alloc_insn=10", "submit or discard"},
        Remedy{"combined stack size of 2 calls is 544. Too large", "512 bytes"},
        Remedy{"R1 unbounded memory access, make sure to bounds check", "bound"},
        Remedy{"R2 min value is negative, either use unsigned", "unsigned"},
        Remedy{"invalid access to packet, off=0 size=4, R1(id=0)", "data_end"},
        Remedy{"cannot call GPL-restricted function from non-GPL compatible program",
               "GPL"},
        Remedy{"infinite loop detected at insn 7", "bpf_loop"},
        Remedy{"BPF program is too large. Processed 1000001 insn", "million"}));

TEST(LoadError, a_refusal_names_program_reason_and_line) {
  const Error error =
      load_error({.object = "script",
                  .libbpf_log = "libbpf: prog 'on_exec': BPF program load "
                                "failed: Permission denied\n",
                  .verifier_log = kNullPointer,
                  .error_number = EACCES});
  EXPECT_EQ(error.code, Code::verifier);
  EXPECT_EQ(error.message,
            "the verifier refused program 'on_exec': R0 invalid mem access "
            "'map_value_or_null', at `*value += 1;`");
  EXPECT_EQ(error.location.line, 12);
  EXPECT_NE(error.hint.find("NULL"), std::string::npos);
  EXPECT_NE(error.detail.find("processed 8 insns"), std::string::npos);
}

TEST(LoadError, a_missing_field_is_no_riddle) {
  const Error error = load_error(
      {.object = "script",
       .libbpf_log = "libbpf: prog 'p': relo #1: failed to resolve CO-RE relocation "
                     "<byte_off> [5] struct task_struct.nothing (0:1 @ offset 0)\n",
       .error_number = EINVAL});
  EXPECT_EQ(error.code, Code::not_supported);
  EXPECT_NE(error.message.find("kernel field"), std::string::npos);
}

}  // namespace
}  // namespace ebl::load
