// One text to one object: preamble, licence, macros, flags, diagnostics.
#include "harness.h"

namespace ebl::compile {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kExec = R"(
struct event { u32 pid; u32 ppid; char comm[TASK_COMM_LEN]; };
RINGBUF(events, struct event, 256 * 1024);
const volatile u32 target_uid = -1;
SEC("tracepoint/syscalls/sys_enter_execve")
int on_exec(struct trace_event_raw_sys_enter *ctx) {
  struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) return 0;
  struct task_struct *task = (void *)bpf_get_current_task();
  e->pid = bpf_get_current_pid_tgid() >> 32;
  e->ppid = BPF_CORE_READ(task, real_parent, tgid);
  bpf_get_current_comm(e->comm, sizeof(e->comm));
  bpf_ringbuf_submit(e, 0);
  return 0;
}
)";

TEST(Compile, TheExampleOfTheManual) {
  const Object object = object_of(kExec);
  EXPECT_FALSE(object.section("tracepoint/syscalls/sys_enter_execve").empty());
  EXPECT_EQ(object.section("license"), std::string_view("GPL\0", 4));
  EXPECT_EQ(object.relocated_types(), std::set<std::string>{"task_struct"});
}

TEST(Compile, SeveralInOneRun) {
  for (int i = 0; i < 4; i++) object_of(kExec);
}

TEST(Compile, SameInputSameObject) {
  Result<Output> first = compile(kExec);
  Result<Output> second = compile(kExec);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->object, second->object);
}

TEST(Compile, OwnLicenceStays) {
  const Object object = object_of(R"(char mine[] SEC("license") = "Dual BSD/GPL";)");
  EXPECT_EQ(object.section("license"), std::string_view("Dual BSD/GPL\0", 13));
}

TEST(Compile, LineInfoHasTheTextsOwnLinesAndNeverAFiles) {
  const Object object = object_of(
      "#line 40 \"script.lua\"\n" +
      program("bpf_printk(\"here\");\n#line 1 \"/etc/passwd\"\nbpf_printk(\"there\");"));
  const std::string_view btf = object.section(".BTF");
  EXPECT_NE(btf.find("bpf_printk(\"here\");"), btf.npos);
  EXPECT_NE(btf.find("bpf_printk(\"there\");"), btf.npos);
  EXPECT_EQ(btf.find("root:"), btf.npos);
}

TEST(Compile, ALineOfNumberZeroIsNoPlaceInTheText) {
  object_of("#line 0 \"zero\"\n" + program("bpf_printk(\"here\");"));
}

TEST(Compile, AnInlineFunctionThatReadsAFileIsRefused) {
  const Result<Output> output = compile(
      "asm(\".section .stolen,\\\"a\\\"\\n.incbin \\\"/etc/passwd\\\"\\n.text\");");
  const Error error = error_of(output);
  EXPECT_EQ(error.code, Code::compile);
  EXPECT_EQ(error.detail.find("root:"), std::string::npos);
}

TEST(Compile, EveryShortMacro) {
  const Object object = object_of(R"(
    struct event { u32 pid; };
    struct key { u32 prefixlen; u8 data[4]; };
    RINGBUF(a, struct event, 4096); PERFBUF(b, struct event); HASH(c, u32, u64, 10);
    LRU_HASH(d, u32, u64, 10); PERCPU_HASH(e, u32, u64, 10); ARRAY(f, u64, 4);
    PERCPU_ARRAY(g, u64, 4); STACKS(h, 100); PROGS(i, 4); QUEUE(j, u64, 10);
    STACK(k, u64, 10); LPM(l, struct key, u32, 100);)");
  for (const char* map : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"})
    EXPECT_TRUE(object.btf().find(btf::Kind::variable, map)) << map;
}

TEST(Compile, OwnMacrosAndNamesWin) {
  object_of(R"(
    #define HASH(x) ((x) * 31)
    #define ETH_P_IP 0x800
    enum { AF_INET = 77, NSEC_PER_SEC };
    typedef unsigned int u32;
    typedef unsigned long u64;
    typedef unsigned long __u64;
    static int BIT_of(int n) { return HASH(n); }
    _Static_assert(AF_INET == 77, "");
    _Static_assert(ETH_P_IP == 0x800, "");
    _Static_assert(ETH_P_ARP == 0x806, "");
    _Static_assert(TC_ACT_UNSPEC == -1, "");
    _Static_assert(BPF_F_CURRENT_CPU == 0xffffffffull, "");)" +
            program("return BIT_of((u32)(u64)ctx);"));
  Result<Output> output = compile("#define ETH_ALEN 6\n#define offsetof(t, m) 1\nint x;");
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->warnings, "");
}

TEST(Compile, LaterLibbpfMacros) {
  const Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel.ok());
  if (!kernel->find(btf::Kind::structure, "bpf_iter_num"))
    GTEST_SKIP() << "this kernel's BTF has no struct bpf_iter_num";
  const Object object = object_of(R"(
    int total;
    SEC("uprobe") int BPF_UPROBE(enter, int a) { total += a; return 0; }
    SEC("uretprobe") int BPF_URETPROBE(leave, int r) { total += r; return 0; }
    __noinline int sub(struct task_struct *e __arg_nullable) { return e ? 1 : 0; }
    )" + program(R"(
    int i;
    bpf_for(i, 0, 10) total += i;
    bpf_repeat(3) total++;
    struct task_struct *t = bpf_core_cast((void *)ctx->args[0], struct task_struct);
    total += t->pid;)"));
  for (const char* name : {"bpf_iter_num_new", "bpf_iter_num_next",
                           "bpf_iter_num_destroy", "bpf_rdonly_cast"})
    EXPECT_TRUE(object.btf().find(btf::Kind::function, name)) << name;
}

TEST(Compile, StringFunctionsAreInline) {
  object_of(program("char a[8]; memset(a, 0, sizeof(a)); memcpy(ctx, a, 4);"));
  EXPECT_EQ(error_of(compile(program("printf(\"%d\", 1);"))).code, Code::compile);
}

TEST(Diagnostics, FirstErrorPlaceAndCaret) {
  const Error error =
      error_of(compile("#line 12 \"tool.lua\"\nint f(void) {\n  int a = 1\n}\n"));
  EXPECT_EQ(error.stage, Stage::compile);
  EXPECT_EQ(error.code, Code::compile);
  EXPECT_EQ(error.message, "expected ';' at end of declaration");
  EXPECT_EQ(error.location.file, "tool.lua");
  EXPECT_EQ(error.location.line, 13);
  EXPECT_EQ(error.location.column, 12);
  EXPECT_THAT(error.detail, HasSubstr("tool.lua:13:12: error:"));
  EXPECT_THAT(error.detail, HasSubstr("int a = 1\n"));
  EXPECT_THAT(error.detail, HasSubstr("^"));
  EXPECT_EQ(error.detail.find('\x1b'), std::string::npos);
}

TEST(Diagnostics, AtMostTwentyErrors) {
  std::string text;
  for (int i = 0; i < 50; i++)
    text += "int f" + std::to_string(i) + "(void) { return x; }\n";
  const Error error = error_of(compile(text));
  EXPECT_THAT(error.message, HasSubstr("use of undeclared identifier 'x'"));
  std::size_t count = 0;
  for (std::size_t at = 0; (at = error.detail.find(": error: ", at)) != std::string::npos;
       at++)
    count++;
  EXPECT_EQ(count, 20u);
}

TEST(Diagnostics, UnknownNamesAreClangsOrdinaryErrors) {
  EXPECT_EQ(
      error_of(compile("struct no_such_thing x;")).message,
      "tentative definition has type 'struct no_such_thing' that is never completed");
  EXPECT_EQ(error_of(compile("no_such_t x;")).message, "unknown type name 'no_such_t'");
  EXPECT_THAT(error_of(compile(program("frobnicate();"))).message,
              StartsWith("call to undeclared function 'frobnicate'"));
  EXPECT_THAT(
      error_of(compile(program("struct task_struct *t = 0; return t->tgidd;"))).message,
      HasSubstr("did you mean 'tgid'?"));
}

TEST(Diagnostics, WarningsComeWithTheObject) {
  Result<Output> output = compile(program("int a; return a;"));
  ASSERT_TRUE(output.ok());
  EXPECT_THAT(output->warnings, HasSubstr("is uninitialized when used here"));
  EXPECT_EQ(error_of(compile(program("int a; return a;"), {"-Werror"})).code,
            Code::compile);
}

TEST(Diagnostics, BackEndErrorsToo) {
  const Error error = error_of(compile(program(
      "char big[4096]; bpf_probe_read_kernel(big, sizeof(big), ctx); return big[5];")));
  EXPECT_THAT(error.message, HasSubstr("stack"));
}

TEST(Target, MacroOfThisMachineUnlessTheSourceSetsOne) {
  object_of("#ifndef bpf_target_defined\n#error none\n#endif\n");
  object_of(
      "#define __TARGET_ARCH_arm64\n#include <bpf/bpf_tracing.h>\n"
      "#ifdef bpf_target_x86\n#error wrong\n#endif\n");
  object_of("#ifdef bpf_target_x86\n#error wrong\n#endif\n", {"-D__TARGET_ARCH_arm64"});
}

}  // namespace
}  // namespace ebl::compile
