// What a user is told about the logs that kernels really gave:
// tests/data/verifier/KERNEL/ NAME.log, from tests/data/verifier/NAME.c by
// tests/capture_verifier_logs.lua, each with the whole text in NAME.expected.
// EBPF_LUA_WRITE_EXPECTED=1 writes these anew, for a look at the difference.
#include "load/verifier_explanation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "load/load_error.h"
#include "load/verifier_log.h"

namespace ebl::load {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> captured_logs() {
  std::vector<fs::path> logs;
  for (const auto& entry : fs::recursive_directory_iterator(EBL_TEST_DATA "/verifier"))
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  std::ranges::sort(logs);
  return logs;
}

std::string told(const VerifierExplanation& why) {
  std::string text;
  if (!why.location.file.empty())
    text += why.location.file + ":" + std::to_string(why.location.line) + ": ";
  text += why.sentence + "\n" + why.notes;
  if (!why.remedy.empty()) text += "  hint: " + why.remedy + "\n";
  return text;
}

class CapturedLog : public testing::TestWithParam<fs::path> {};

TEST_P(CapturedLog, is_explained) {
  const VerifierExplanation why = explain_verifier_log(read(GetParam()), {});
  EXPECT_TRUE(why.is_known) << told(why);
  EXPECT_FALSE(why.remedy.empty());
  fs::path expected = GetParam();
  expected.replace_extension(".expected");
  if (std::getenv("EBPF_LUA_WRITE_EXPECTED")) std::ofstream(expected) << told(why);
  EXPECT_EQ(told(why), read(expected));
}

INSTANTIATE_TEST_SUITE_P(Kernels, CapturedLog, testing::ValuesIn(captured_logs()),
                         [](const auto& info) {
                           std::string name =
                               info.param.parent_path().filename().string() + "_" +
                               info.param.stem().string();
                           std::ranges::replace(name, '.', '_');
                           return "linux_" + name;
                         });

TEST(CapturedLog, there_are_many) {
  EXPECT_GE(captured_logs().size(), 40u);
}

TEST(VerifierExplanation, an_empty_log_has_no_reason) {
  EXPECT_EQ(explain_verifier_log("", {}).sentence, "");
  const auto why = explain_verifier_log("processed 2 insns (limit 1000000)\n", {});
  EXPECT_EQ(why.sentence, "");
  EXPECT_EQ(why.notes, "");
}

TEST(VerifierExplanation, a_helper_that_the_kernel_lacks_has_a_name) {
  const auto told = [](const std::string& helper) {
    const VerifierExplanation why =
        explain_verifier_log("invalid func unknown#" + helper + "\n", {});
    EXPECT_TRUE(why.kernel_lacks_it);
    return why.sentence;
  };
  EXPECT_EQ(told("173"), "this kernel has no helper bpf_get_func_ip(), number 173");
  EXPECT_EQ(told("4294967295"), "this kernel has no helper number 4294967295");
}

TEST(VerifierExplanation, numbers_that_no_kernel_gives_are_passed_over) {
  for (const char* log :
       {"R99999999999 invalid mem access 'scalar'\n", "R2 !read_ok\nR99999999999 bad\n",
        "0: (0f) r99999999999 += r1\nmath between map_value pointer and register with "
        "unbounded min value is not allowed\n",
        "invalid access to map value, value_size=99999999999999999999 off=1 size=1\n"
        "R1 max value is outside of the allowed memory range\n"})
    EXPECT_FALSE(explain_verifier_log(log, {}).sentence.empty()) << log;
}

TEST(VerifierExplanation, words_that_no_rule_knows_are_passed_on) {
  const auto why = explain_verifier_log(
      "0: R1=ctx() R10=fp0\n; return 0; @ a.c:3\n0: (95) exit\nR7 is of the wrong "
      "colour\n"
      "processed 1 insns (limit 1000000)\n",
      {});
  EXPECT_FALSE(why.is_known);
  EXPECT_EQ(why.sentence, "R7 is of the wrong colour");
  EXPECT_EQ(why.location.line, 3);
  EXPECT_EQ(why.notes,
            "     3 | return 0;\n  the kernel says: R7 is of the wrong colour\n");
}

// The report of 7.3, as its own documentation of the format shows it.
constexpr const char* kReport = R"(0: R1=ctx() R10=fp0
0: (95) exit
R9 has no rule here

Verification failed: Register Type Safety: Unreadable register

Reason:
  R0 has never been initialized on this path, so the verifier cannot use
  it as an input.

At:
  insn 0
        | ^-- error: R0 is not readable
  Instruction context:
  >>> 0 | (95) exit

Causal path:
  no retained diagnostic events on this path

Suggestion:
  Initialize R0 on every path before this instruction.

processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0
)";

TEST(VerifierExplanation, the_kernels_own_report_serves_where_no_rule_does) {
  const auto why = explain_verifier_log(kReport, {});
  EXPECT_TRUE(why.is_known);
  EXPECT_EQ(
      why.sentence,
      "R0 has never been initialized on this path, so the verifier cannot use it as "
      "an input.");
  EXPECT_EQ(why.remedy, "Initialize R0 on every path before this instruction.");
}

TEST(VerifierExplanation, the_objects_own_lines_win) {
  const auto why = explain_verifier_log(
      "; return x; @ wrong.c:3\n0: (95) exit\nR0 !read_ok\n",
      [](std::size_t instruction) -> std::optional<SourceLine> {
        EXPECT_EQ(instruction, 0u);
        return SourceLine{.location = {.file = "right.lua", .line = 9, .column = 4},
                          .text = "return y;"};
      });
  EXPECT_EQ(why.location.file, "right.lua");
  EXPECT_EQ(why.location.column, 4);
  EXPECT_NE(why.notes.find("     9 | return y;"), std::string::npos);
}

TEST(VerifierLog, a_branch_goes_on_behind_its_jump) {
  const VerifierLog log = read_verifier_log(
      "0: R1=ctx() R10=fp0\n0: (b7) r6 = 1 ; R6=1\n1: (15) if r1 == 0x0 goto pc+2 ;\n"
      "2: (b7) r6 = 2 ; R6=2\n3: (95) exit\n\nfrom 1 to 4: R6=1 R10=fp0\n"
      "4: (95) exit\nR0 !read_ok\n");
  ASSERT_EQ(log.steps.size(), 5u);
  EXPECT_EQ(log.steps[3].previous, 2u);
  EXPECT_EQ(log.steps[4].previous, 1u);
  EXPECT_EQ(log.steps[4].before, "R6=1 R10=fp0");
  EXPECT_EQ(log.reason, "R0 !read_ok");
  EXPECT_EQ(log.line_count, 8u);
}

TEST(LoadError, a_refusal_names_program_reason_and_line) {
  const std::string log = read(EBL_TEST_DATA "/verifier/6.18/null_check_missing.log");
  ASSERT_FALSE(log.empty());
  const Error error =
      load_error({.object = "script",
                  .libbpf_log = "libbpf: prog 'on_exec': BPF program load "
                                "failed: Permission denied\n",
                  .verifier_log = log,
                  .error_number = EACCES});
  EXPECT_EQ(error.code, Code::verifier);
  EXPECT_TRUE(
      error.message.starts_with("the verifier refused program 'on_exec': 'value'"))
      << error.message;
  EXPECT_EQ(error.location.line, 9);
  EXPECT_NE(error.hint.find("if (!value)"), std::string::npos);
  EXPECT_EQ(error.detail, log);
}

TEST(LoadError, a_missing_field_is_no_riddle) {
  const Error error = load_error(
      {.object = "script",
       .libbpf_log = "libbpf: prog 'p': relo #1: failed to resolve CO-RE relocation "
                     "<byte_off> [5] struct task_struct.nothing (0:1 @ offset 0)\n",
       .error_number = EINVAL});
  EXPECT_EQ(error.code, Code::not_supported);
  EXPECT_EQ(error.message,
            "program 'p': this kernel's struct task_struct has no member 'nothing'");
}

}  // namespace
}  // namespace ebl::load
