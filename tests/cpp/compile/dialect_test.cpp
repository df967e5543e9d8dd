// Which dialect a text is taken for, and what a text of both is told.
#include "harness.h"

namespace ebl::compile {
namespace {

/// Compiles as libbpf C only: BCC C has no SEC().
constexpr const char* kLibbpf =
    "SEC(\"raw_tp/x\") int f(struct bpf_raw_tracepoint_args *ctx) { return 0; }\n";

Result<Output> compile_as(const std::string& text, const std::string& dialect) {
  return shared_compiler().compile(
      {.text = text, .name = "test.c", .directory = {}, .dialect = dialect});
}

bool has_program(const Object& object, const std::string& section) {
  return !object.section(section).empty();
}

TEST(Dialect, EachSignOfBcc) {
  for (const char* text : {
           "BPF_HASH(counts);\nint f(void *ctx) { return 0; }",
           "RAW_TRACEPOINT_PROBE(sched_switch) { return 0; }\nint f(void *ctx) { return "
           "0; }",
           "int kprobe__vfs_read(struct pt_regs *ctx) { return 0; }\n"
           "int f(void *ctx) { return 0; }",
       }) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(has_program(object_of(text), "bcc/f"));
  }
}

TEST(Dialect, LibbpfWhereThereIsNoSign) {
  EXPECT_TRUE(has_program(object_of(kLibbpf), "raw_tp/x"));
  EXPECT_FALSE(has_program(object_of("int f(void *ctx) { return 0; }"), "bcc/f"));
}

TEST(Dialect, TheCallerDecides) {
  const Result<Output> bcc = compile_as("int f(void *ctx) { return 0; }", "bcc");
  ASSERT_TRUE(bcc.ok()) << bcc.error().detail;
  EXPECT_TRUE(has_program(Object(*bcc), "bcc/f"));
  const std::string mixed =
      std::string(kLibbpf) + "int kprobe__f(struct pt_regs *ctx) { return 0; }\n";
  EXPECT_TRUE(compile_as(mixed, "libbpf").ok());
}

TEST(Dialect, ANameUnderSecIsJustAName) {
  object_of("SEC(\"kprobe/f\") int kprobe__f(struct pt_regs *ctx) { return 0; }");
  object_of("SEC(\"kprobe/f\") int BPF_KPROBE(kprobe__f, int fd) { return 0; }");
  object_of(std::string(kLibbpf) +
            "static int g(void) { return 1; }\nint h(void) { return g(); }");
}

TEST(Dialect, TheRecordOfATracepointIsASignOfBccOnlyWithoutSec) {
  const std::string body = "{ return args != 0; }";
  const char* record = "struct tracepoint__a__b *args)";
  EXPECT_TRUE(has_program(object_of("int f(" + std::string(record) + body), "bcc/f"));
  EXPECT_TRUE(has_program(
      object_of("SEC(\"tracepoint/a/b\") int f(" + std::string(record) + body),
      "tracepoint/a/b"));
}

TEST(Dialect, ATextThatDefinesTheMacroItself) {
  object_of(std::string("#define BPF_HASH(name) int name\nBPF_HASH(counts);\n") +
            kLibbpf);
}

TEST(Dialect, BothAreRefusedByTheirLines) {
  const Error error = error_of(
      compile("BPF_HASH(counts);\n\n#line 40 \"script.lua\"\n" + std::string(kLibbpf)));
  EXPECT_EQ(error.code, Code::compile);
  EXPECT_EQ(error.message,
            "line 1 (BPF_HASH) is BCC C and line 40 (SEC) is libbpf C: a text is written "
            "in one of them");
  EXPECT_EQ(error.location.file, "test.c");
  EXPECT_EQ(error.location.line, 1);
  EXPECT_NE(error.hint.find("dialect"), std::string::npos);
}

TEST(Dialect, MethodsOfMapsAreASign) {
  const Error error =
      error_of(compile(std::string(kLibbpf) +
                       "static void g(void) {\n int k = 0;\n counts.lookup(&k);\n}"));
  EXPECT_NE(error.message.find("line 4 (counts.lookup) is BCC C"), std::string::npos)
      << error.message;
}

}  // namespace
}  // namespace ebl::compile
