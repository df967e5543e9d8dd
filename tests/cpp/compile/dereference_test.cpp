// Implicit dereference in BCC C: which accesses become calls of bpf_probe_read, what they
// cost, and that field offsets stay relocations. What they read is in
// tests/lua/bcc_dereference_spec.lua.
#include <linux/bpf.h>

#include <algorithm>

#include "harness.h"

namespace ebl::compile {
namespace {

std::vector<bpf_insn> instructions(const Object& object, const std::string& section) {
  const std::string_view bytes = object.section(section);
  std::vector<bpf_insn> out(bytes.size() / sizeof(bpf_insn));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(bpf_insn));
  return out;
}

/// How often a helper is called.
std::ptrdiff_t calls(const Object& object, const std::string& section, int helper) {
  return std::ranges::count_if(
      instructions(object, section), [helper](const bpf_insn& instruction) {
        return instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == 0 &&
               instruction.imm == helper;
      });
}

constexpr int kProbeRead = 4;
constexpr const char* kSection = "raw_tracepoint/sys_enter";

/// A BCC program around statements about `task`.
Object probe(const std::string& body, const std::string& before = {}) {
  return object_of(before +
                   "BPF_HASH(out, u32, u64);\n"
                   "RAW_TRACEPOINT_PROBE(sys_enter) {\n"
                   "struct task_struct *task = (void *)bpf_get_current_task();\n"
                   "u32 key = 0; u64 value = 0;\n" +
                   body + "\nout.update(&key, &value); return 0; }\n");
}

std::ptrdiff_t reads(const std::string& body, const std::string& before = {}) {
  return calls(probe(body, before), kSection, kProbeRead);
}

TEST(Dereference, OneReadAnArrow) {
  EXPECT_EQ(reads(""), 0);
  EXPECT_EQ(reads("value = task->tgid;"), 1);
  EXPECT_EQ(reads("value = task->real_parent->tgid;"), 2);
  EXPECT_EQ(reads("value = task->mm->exe_file->f_inode->i_ino;"), 4);
  EXPECT_EQ(reads("value = task->comm[3];"), 1);
  EXPECT_EQ(reads("struct path p = task->mm->exe_file->f_path; value = (u64)p.dentry;"),
            3);
  EXPECT_EQ(reads("volatile int *t = &task->tgid; value = *t;"), 1);
  EXPECT_EQ(reads("value = __atomic_load_n(&task->tgid, __ATOMIC_RELAXED);"), 1);
}

TEST(Dereference, NoReadOfAnAddressOrOfWhatIsNotUsed) {
  EXPECT_EQ(reads("value = (u64)&task->tgid;"), 0);
  EXPECT_EQ(reads("value = (u64)task->comm;"), 0);
  EXPECT_EQ(reads("struct task_struct *unused = task->real_parent;"), 0);
  EXPECT_EQ(reads("char comm[16]; bpf_probe_read_kernel(comm, 16, task->comm);"
                  "value = comm[0];"),
            0);
}

TEST(Dereference, OwnMemoryIsReadDirectly) {
  EXPECT_EQ(reads("value = ctx->args[1];"), 0);
  EXPECT_EQ(reads("u64 *found = out.lookup(&key); if (found) value = *found + 1;"), 0);
  EXPECT_EQ(reads("u64 *found = out.lookup_or_try_init(&key, &value);"
                  "if (found) (*found)++;"),
            0);
  EXPECT_EQ(reads("u64 *record = ring.ringbuf_reserve(8);"
                  "if (record) { *record = 1; value = *record; "
                  "ring.ringbuf_submit(record, 0); }",
                  "BPF_RINGBUF_OUTPUT(ring, 1);\n"),
            0);
  EXPECT_EQ(reads("value = numbers[ctx->args[1] & 3];",
                  "static const volatile int numbers[4] = {1, 2, 3, 4};\n"),
            0);
}

TEST(Dereference, TheHelpersThatReturnPointers) {
  // Memory that the verifier lets the program use itself, against addresses.
  const char* const own[] = {
      "bpf_map_lookup_elem(map, &key)",
      "bpf_map_lookup_percpu_elem(map, &key, 0)",
      "bpf_ringbuf_reserve(map, 8, 0)",
      "bpf_per_cpu_ptr(map, 0)",
      "bpf_this_cpu_ptr(map)",
      "bpf_dynptr_data(map, 0, 8)",
      "bpf_sk_storage_get(map, map, 0, 0)",
      "bpf_inode_storage_get(map, map, 0, 0)",
      "bpf_task_storage_get(map, map, 0, 0)",
      "bpf_cgrp_storage_get(map, map, 0, 0)",
      "bpf_get_local_storage(map, 0)",
      "bpf_sk_fullsock(map)",
      "bpf_tcp_sock(map)",
      "bpf_kptr_xchg(map, 0)",
  };
  for (const char* call : own) {
    SCOPED_TRACE(call);
    EXPECT_EQ(reads("void *map = (void *)ctx; u64 *p = (void *)" + std::string(call) +
                    "; if (p) value = *p;"),
              0);
  }
  for (const char* call :
       {"bpf_get_current_task()", "bpf_get_current_task_btf()", "bpf_task_pt_regs(map)",
        "bpf_sock_from_file(map)", "bpf_skc_to_tcp_sock(map)", "bpf_get_func_ip(ctx)"}) {
    SCOPED_TRACE(call);
    EXPECT_EQ(reads("void *map = (void *)ctx; u64 *p = (void *)" + std::string(call) +
                    "; if (p) value = *p;"),
              1);
  }
}

TEST(Dereference, FieldOffsetsStayRelocations) {
  const Object object = probe("value = task->real_parent->tgid + task->comm[0];");
  EXPECT_TRUE(object.relocates_member("real_parent"));
  EXPECT_EQ(object.relocations().size(), 3u);
}

TEST(Dereference, CostsWhatIsWrittenByHandCosts) {
  const struct {
    const char* implicit;
    const char* by_hand;
  } pairs[] = {
      {"value = task->real_parent->tgid;",
       "value = BPF_CORE_READ(task, real_parent, tgid);"},
      {"value = task->nsproxy->uts_ns->ns.inum;",
       "value = BPF_CORE_READ(task, nsproxy, uts_ns, ns.inum);"},
      {"value = task->tgid + task->real_parent->tgid + task->mm->arg_start;",
       "value = BPF_CORE_READ(task, tgid) + BPF_CORE_READ(task, real_parent, tgid) + "
       "BPF_CORE_READ(task, mm, arg_start);"},
      {"struct qstr n = task->mm->exe_file->f_path.dentry->d_name; value = n.len;",
       "struct dentry *d = BPF_CORE_READ(task, mm, exe_file, f_path.dentry);"
       "struct qstr n; bpf_core_read(&n, sizeof(n), &d->d_name); value = n.len;"},
  };
  for (const auto& pair : pairs) {
    SCOPED_TRACE(pair.implicit);
    const auto implicit = instructions(probe(pair.implicit), kSection).size();
    const auto by_hand = instructions(probe(pair.by_hand), kSection).size();
    EXPECT_LE(implicit, by_hand);
  }
}

TEST(Dereference, OnlyInProbes) {
  const Object xdp = object_of(
      "BPF_HASH(out, u32, u64);\n"
      "int drop(struct xdp_md *ctx) {\n"
      "  void *end = (void *)(long)ctx->data_end, *data = (void *)(long)ctx->data;\n"
      "  struct ethhdr *eth = data;\n"
      "  if (data + sizeof(*eth) > end) return XDP_PASS;\n"
      "  return eth->h_proto == 8 ? XDP_DROP : XDP_PASS; }\n"
      "KFUNC_PROBE(vfs_open, const struct path *path) { return path->dentry != 0; }\n"
      "int sample(struct bpf_perf_event_data *ctx) {\n"
      "  struct task_struct *task = (void *)bpf_get_current_task();\n"
      "  return task->tgid == ctx->sample_period; }\n"
      "int kprobe__vfs_open(struct pt_regs *ctx, struct path *path) {\n"
      "  return path->dentry->d_inode->i_ino == 1; }\n");
  EXPECT_EQ(calls(xdp, "bcc/drop", kProbeRead), 0);
  EXPECT_EQ(calls(xdp, "fentry/vfs_open", kProbeRead), 0);
  EXPECT_EQ(calls(xdp, "bcc/sample", kProbeRead), 1);
  EXPECT_EQ(calls(xdp, "kprobe/vfs_open", kProbeRead), 3);
}

TEST(Dereference, WritesAreErrorsAtTheirLines) {
  for (const char* statement : {"task->tgid = 1;", "task->real_parent->tgid++;",
                                "__sync_fetch_and_add(&task->tgid, 1);",
                                "__sync_val_compare_and_swap(&task->tgid, 1, 2);",
                                "__builtin_memset(task->comm, 0, 16);",
                                "__builtin_memcpy(task->comm, &value, 8);"}) {
    SCOPED_TRACE(statement);
    const Error error =
        error_of(compile("RAW_TRACEPOINT_PROBE(sys_enter) {\n"
                         "struct task_struct *task = (void *)bpf_get_current_task();\n"
                         "u64 value = 0;\n" +
                         std::string(statement) + "\nreturn value; }\n"));
    EXPECT_THAT(error.message, testing::HasSubstr("cannot write through this pointer"));
    EXPECT_EQ(error.location.line, 4);
    EXPECT_EQ(error.location.file, "test.c");
  }
}

TEST(Dereference, AContextThatTheVerifierRewritesIsNotMixedWithOtherPointers) {
  const Error error = error_of(
      compile("BPF_HASH(out, u32, u64);\n"
              "int sample(struct bpf_perf_event_data *ctx) {\n"
              "u64 *p = (u64 *)ctx;\n"
              "if (bpf_get_prandom_u32() & 1) p = (u64 *)bpf_get_current_task();\n"
              "return *p; }\n"));
  EXPECT_THAT(error.message, testing::HasSubstr("may be the context or point elsewhere"));
  EXPECT_EQ(error.location.line, 5);
}

TEST(Dereference, ACompareOfUnknownSizeIsAnError) {
  const Error error =
      error_of(compile("RAW_TRACEPOINT_PROBE(sys_enter) {\n"
                       "struct task_struct *task = (void *)bpf_get_current_task();\n"
                       "char own[16] = {};\n"
                       "return memcmp(task->comm, own, ctx->args[1] & 15); }\n"));
  EXPECT_THAT(error.message, testing::HasSubstr("memcmp"));
}

}  // namespace
}  // namespace ebl::compile
