// A snippet that reads task_struct: the compile that bench/startup times, the same text for
// ebpf-lua and for clang.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} starts SEC(".maps");

SEC("raw_tracepoint/sched_switch")
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
  struct task_struct *task = (struct task_struct *)ctx->args[2];
  __u32 parent = BPF_CORE_READ(task, real_parent, tgid);
  __u64 start = BPF_CORE_READ(task, start_time);

  bpf_map_update_elem(&starts, &parent, &start, BPF_ANY);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
