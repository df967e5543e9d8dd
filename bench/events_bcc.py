"""BCC's Python side of bench/events: CALLS ROUNDS. Prints for each round: records, seconds
of processor time, lost; for draining a full 64 MB ring and adding a u64 field."""
import ctypes
import os
import sys
import time

from bcc import BPF

calls, rounds = int(sys.argv[1]), int(sys.argv[2])
program = BPF(text="""
struct event { u32 pid; u32 seq; u64 ts; char comm[16]; char pad[32]; };
BPF_RINGBUF_OUTPUT(events, 16384);
BPF_ARRAY(target, u32, 1);

RAW_TRACEPOINT_PROBE(sys_enter)
{
  u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0;
  u32 *wanted = target.lookup(&zero);

  if (!wanted || *wanted != pid || ctx->args[1] != 110 /* getppid on x86-64 */)
    return 0;
  struct event e = { .pid = pid, .ts = bpf_ktime_get_ns() };
  bpf_get_current_comm(e.comm, sizeof(e.comm));
  events.ringbuf_output(&e, sizeof(e), 0);
  return 0;
}
""")
events, target = program["events"], program["target"]
seen = total = 0


def on_event(ctx, data, size):
    global seen, total
    total += events.event(data).ts
    seen += 1


events.open_ring_buffer(on_event)
for _ in range(rounds):
    seen = 0
    target[0] = ctypes.c_uint32(os.getpid())
    for _ in range(calls):
        os.getppid()
    target[0] = ctypes.c_uint32(0)
    start = time.thread_time()
    program.ring_buffer_consume()
    print(seen, time.thread_time() - start, calls - seen, file=sys.stderr)
