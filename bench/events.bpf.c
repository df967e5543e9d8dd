// What the peers of bench/events load: the records of bench/events.lua, written the same way.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event { __u32 pid; __u32 seq; __u64 ts; char comm[16]; char pad[32]; };

#ifndef WAKE_UP
#define WAKE_UP 0
#endif

#ifdef PERF
struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
} events SEC(".maps");
#else
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 64 << 20);
} events SEC(".maps");
#endif

struct { __u64 lost; __u32 pid; } shared;

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
  __u32 pid = bpf_get_current_pid_tgid() >> 32;

  if (pid != shared.pid || ctx->args[1] != 110 /* getppid on x86-64 */)
    return 0;
  struct event e = { .pid = pid, .ts = bpf_ktime_get_ns() };
  bpf_get_current_comm(e.comm, sizeof(e.comm));
#ifdef PERF
  if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e)))
#else
  if (bpf_ringbuf_output(&events, &e, sizeof(e), WAKE_UP))
#endif
    __sync_fetch_and_add(&shared.lost, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
