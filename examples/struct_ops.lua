#!/usr/bin/env ebpf-lua
-- A TCP congestion control: these functions say how much a connection may have under way.
-- It exists while this runs, for sockets that choose it by TCP_CONGESTION:
--
--   ebpf-lua examples/struct_ops.lua &
--   iperf3 -c SERVER -C steady
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct event { u32 port, acked, acks; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u32 segments;

    /* The kernel has room for it in each socket. */
    static struct event *of(struct sock *sk)
    {
      return (void *)((struct inet_connection_sock *)sk)->icsk_ca_priv;
    }

    SEC("struct_ops/cong_avoid")
    void BPF_PROG(steady_avoid, struct sock *sk, u32 ack, u32 acked)
    {
      ((struct tcp_sock *)sk)->snd_cwnd = segments;     /* no more, and no less */
      of(sk)->acked += acked;
      of(sk)->acks++;
    }

    SEC("struct_ops/ssthresh")
    u32 BPF_PROG(steady_loss, struct sock *sk) { return segments; }

    SEC("struct_ops/undo_cwnd")
    u32 BPF_PROG(steady_undo, struct sock *sk) { return segments; }

    SEC("struct_ops/release")
    void BPF_PROG(steady_end, struct sock *sk)
    {
      struct event e = *of(sk);

      e.port = bpf_ntohs(sk->__sk_common.skc_dport);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    }

    SEC(".struct_ops") struct tcp_congestion_ops steady = {
      .cong_avoid = (void *)steady_avoid, .ssthresh = (void *)steady_loss,
      .undo_cwnd = (void *)steady_undo, .release = (void *)steady_end, .name = "steady",
    };
  ]],
  constants = { segments = tonumber(arg[1]) or 20 },
}

obj.maps.events:each(function(e)
  print(("port %d: %d segments in %d acks"):format(e.port, e.acked, e.acks))
end)
obj:attach()
print 'sockets may choose "steady" now'
bpf.run()
