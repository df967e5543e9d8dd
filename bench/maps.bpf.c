// The maps of bench/maps: one of each kind. The side that loads them sets their sizes.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct hit { __u64 count; __u64 bytes; __u32 pid; __u32 errors; };

#define MAP(name, kind, key_type, value_type) \
  struct { \
    __uint(type, kind); \
    __uint(max_entries, 1); \
    __type(key, key_type); \
    __type(value, value_type); \
  } name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, __u64, struct hit);
MAP(lru_hash, BPF_MAP_TYPE_LRU_HASH, __u64, struct hit);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u64, __u64);
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, struct hit);

struct {
  __uint(type, BPF_MAP_TYPE_STACK_TRACE);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, 127 * sizeof(__u64));
} stack_trace SEC(".maps");

__u32 target_pid;

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
  if (bpf_get_current_pid_tgid() >> 32 == target_pid && ctx->args[1] == 110 /* getppid */)
    bpf_get_stackid(ctx, &stack_trace, BPF_F_USER_STACK);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
