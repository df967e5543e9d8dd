// The code of BCC C against that of the same program in libbpf C: instruction by
// instruction.
#include <linux/bpf.h>

#include <algorithm>

#include "harness.h"

namespace ebl::compile {
namespace {

/// The operations of some code in any order, without registers and places on the stack.
std::vector<std::string> operations(const std::vector<std::string>& code) {
  std::vector<std::string> out;
  for (const std::string& line : code) out.push_back(line.substr(0, 2));
  std::ranges::sort(out);
  return out;
}

/// The instructions of a section: operation, registers, offset and immediate, without the
/// addresses that relocations fill in.
std::vector<std::string> code_of(const std::string& text, const std::string& section) {
  const Object object = object_of(text);
  const std::string_view bytes = object.section(section);
  EXPECT_FALSE(bytes.empty()) << section;
  std::vector<std::string> out;
  for (std::size_t at = 0; at + sizeof(bpf_insn) <= bytes.size();
       at += sizeof(bpf_insn)) {
    bpf_insn one;
    std::memcpy(&one, bytes.data() + at, sizeof(one));
    char line[64];
    std::snprintf(line, sizeof(line), "%02x %d %d %d %d", one.code, one.dst_reg,
                  one.src_reg, one.off, one.imm);
    out.emplace_back(line);
  }
  return out;
}

constexpr const char* kHash =
    "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10240);\n"
    "__type(key, u32); __type(value, u64); } counts SEC(\".maps\");\n";

TEST(BccCode, LookupAndUpdate) {
  EXPECT_EQ(
      code_of("BPF_HASH(counts, u32, u64);\n"
              "int f(struct pt_regs *ctx) {\n"
              "u32 pid = bpf_get_current_pid_tgid() >> 32; u64 one = 1;\n"
              "u64 *n = counts.lookup(&pid);\n"
              "if (n) (*n)++; else counts.update(&pid, &one);\n return 0; }",
              "bcc/f"),
      code_of(std::string(kHash) +
                  "SEC(\"kprobe\") int f(struct pt_regs *ctx) {\n"
                  "u32 pid = bpf_get_current_pid_tgid() >> 32; u64 one = 1;\n"
                  "u64 *n = bpf_map_lookup_elem(&counts, &pid);\n"
                  "if (n) (*n)++; else bpf_map_update_elem(&counts, &pid, &one, 0);\n"
                  "return 0; }",
              "kprobe"));
}

TEST(BccCode, Increment) {
  // Where the key's place on the stack is, and which way the first jump goes, is the
  // optimiser's choice.
  EXPECT_EQ(operations(code_of("BPF_HASH(counts, u32, u64);\n"
                               "int f(struct pt_regs *ctx) {\n"
                               "counts.increment(bpf_get_current_pid_tgid() >> 32);\n"
                               "return 0; }",
                               "bcc/f")),
            operations(code_of(
                std::string(kHash) +
                    "SEC(\"kprobe\") int f(struct pt_regs *ctx) {\n"
                    "u32 pid = bpf_get_current_pid_tgid() >> 32; u64 one = 1;\n"
                    "u64 *n = bpf_map_lookup_elem(&counts, &pid);\n"
                    "if (!n) {\n"
                    "if (!(int)bpf_map_update_elem(&counts, &pid, &one, BPF_NOEXIST))\n"
                    "return 0;\n"
                    "n = bpf_map_lookup_elem(&counts, &pid);\n"
                    "}\n"
                    "if (n) *n += 1;\n"
                    "return 0; }",
                "kprobe")));
}

TEST(BccCode, PerfSubmit) {
  const std::string event =
      "struct event { u32 pid; u64 time; };\n"
      "static void fill(struct event *e) {\n"
      "e->pid = bpf_get_current_pid_tgid() >> 32; e->time = bpf_ktime_get_ns(); }\n";
  EXPECT_EQ(code_of(event + "BPF_PERF_OUTPUT(events);\n"
                            "int f(struct pt_regs *ctx) {\n"
                            "struct event e = {}; fill(&e);\n"
                            "events.perf_submit(ctx, &e, sizeof(e)); return 0; }",
                    "bcc/f"),
            code_of(event + "struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);\n"
                            "__uint(key_size, 4); __uint(value_size, 4); } events "
                            "SEC(\".maps\");\n"
                            "SEC(\"kprobe\") int f(struct pt_regs *ctx) {\n"
                            "struct event e = {}; fill(&e);\n"
                            "bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, "
                            "sizeof(e)); return 0; }",
                    "kprobe"));
}

TEST(BccCode, ArgumentsFromRegisters) {
  const std::string map =
      "BPF_HASH(counts, u64, u64);\n"
      "int kprobe__f(struct pt_regs *ctx, u64 a, int unused, u64 c) {\n"
      "counts.update(&a, &c); return 0; }";
  // Which register is loaded first is the optimiser's choice.
  EXPECT_EQ(operations(code_of(map, "kprobe/f")),
            operations(code_of(
                "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10240);\n"
                "__type(key, u64); __type(value, u64); } counts SEC(\".maps\");\n"
                "SEC(\"kprobe/f\") int f(struct pt_regs *ctx) {\n"
                "u64 a = PT_REGS_PARM1(ctx), c = PT_REGS_PARM3(ctx);\n"
                "bpf_map_update_elem(&counts, &a, &c, 0); return 0; }",
                "kprobe/f")));
}

}  // namespace
}  // namespace ebl::compile
