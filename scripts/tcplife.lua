#!/usr/bin/env ebpf-lua
-- tcplife: TCP connections when they end, with what they carried and how long they lived.
--
--   tcplife              every connection that ends
--   tcplife -D 443       to one remote port
--   tcplife -w -T        wide columns, with the time of day
--
-- Connections that were there before the tool are not shown. Life begins when the
-- connection is established, and without that with connect(). A connection belongs to
-- the process that opened or accepted it, else to the one that closes it; PID 0 is one
-- that nobody accepted. TX_KB is what the other side has acknowledged; the kernel counts
-- the beginning and the end of a connection as a byte each.
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"
local tcp = require "tcp.options"

local args = cli.parse {
  name = "tcplife",
  summary = "Trace the lifespan of TCP sessions.",
  options = {
    cli.TIME, cli.TIMESTAMP,
    { "-w --wide", "wide columns, for IPv6" },
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-L --localport", "only these local ports", argument = "PORTS",
      convert = tcp.ports },
    { "-D --remoteport", "only these remote ports", argument = "PORTS",
      convert = tcp.ports },
    tcp.IPV4, tcp.IPV6,
  },
  examples = {
    { "tcplife", "all connections" },
    { "tcplife -T -w", "with the time of day, wide" },
    { "tcplife -L 80,81", "local ports 80 and 81" },
    { "tcplife -D 443 --csv", "remote port 443 as CSV" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    #include "tcp/connection.h"

    struct event {
      u64 ts, life;
      u64 tx, rx;   /* bytes */
      struct owner owner;
      struct connection at;
    };

    RINGBUF(events, struct event, 256 * 1024);
    HASH(births, u64, u64, 65536);            /* by socket */
    HASH(owners, u64, struct owner, 65536);   /* the same */
    HASH(local_ports, u16, u8, 1024);
    HASH(remote_ports, u16, u8, 1024);

    const volatile u16 only_family = 0;
    const volatile bool only_local = false, only_remote = false;

    static void owned(const struct sock *sk, u64 flags)
    {
      struct owner owner = current_owner();
      u64 key = (u64)sk;

      bpf_map_update_elem(&owners, &key, &owner, flags);
    }

    static void accepted(const struct sock *sk)
    {
      u64 key = (u64)sk;

      if (bpf_map_lookup_elem(&births, &key))
        owned(sk, BPF_ANY);
    }

    ON_ACCEPT(accepted, only_family)

    static void ended(const struct sock *sk, u64 birth, const struct owner *owner)
    {
      struct event e = { .ts = bpf_ktime_get_ns() };
      const struct tcp_sock *tcp = (const void *)sk;

      if (owner)
        e.owner = *owner;
      if (!is_target(e.owner.pid))
        return;
      e.at = connection_of(sk);
      if (only_local && !bpf_map_lookup_elem(&local_ports, &e.at.lport))
        return;
      if (only_remote && !bpf_map_lookup_elem(&remote_ports, &e.at.rport))
        return;
      e.life = e.ts - birth;
      e.tx = BPF_CORE_READ(tcp, bytes_acked);
      e.rx = BPF_CORE_READ(tcp, bytes_received);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    }

    SEC("tp_btf/inet_sock_set_state")
    int BPF_PROG(on_state, const struct sock *sk, int oldstate, int newstate)
    {
      u64 key = (u64)sk, now = bpf_ktime_get_ns(), *birth;

      if (!is_tcp(sk, only_family))
        return 0;
      if (newstate < BPF_TCP_FIN_WAIT1)
        bpf_map_update_elem(&births, &key, &now, BPF_ANY);
      birth = bpf_map_lookup_elem(&births, &key);
      if (!birth)
        return 0;
      /* These are steps of connect(), close() and shutdown(), in their process. */
      if (newstate == BPF_TCP_SYN_SENT)
        owned(sk, BPF_ANY);
      else if (newstate == BPF_TCP_FIN_WAIT1 || newstate == BPF_TCP_LAST_ACK)
        owned(sk, BPF_NOEXIST);
      if (newstate != BPF_TCP_CLOSE)
        return 0;
      ended(sk, *birth, bpf_map_lookup_elem(&owners, &key));
      bpf_map_delete_elem(&births, &key);
      bpf_map_delete_elem(&owners, &key);
      return 0;
    }
  ]],
  constants = {
    only_family = tcp.family(args),
    only_local = args.localport ~= nil, only_remote = args.remoteport ~= nil,
  },
})
tcp.fill(obj.maps.local_ports, args.localport)
tcp.fill(obj.maps.remote_ports, args.remoteport)

local wide = args.wide or false
local rows = bpf.table(cli.columns(args, {
  { name = "PID", width = 7, align = "left" },
  { name = "COMM", width = wide and 16 or 10 },
  { name = "IP", width = 2, align = "left", when = wide },
  { name = "LADDR", width = wide and 26 or 15 },
  { name = "LPORT", width = 5, align = "left" },
  { name = "RADDR", width = wide and 26 or 15 },
  { name = "RPORT", width = 5, align = "left" },
  { name = "TX_KB", width = 5, align = "right" },
  { name = "RX_KB", width = 5, align = "right" },
  { name = "MS", align = "left", format = "%.2f" },
  { name = "TX_BYTES", hidden = true },
  { name = "RX_BYTES", hidden = true },
}))

obj.maps.events:each(function(e)
  local row = tcp.fields(e.at)
  row.time, row.seconds = cli.times(args, e.ts)
  row.pid, row.comm = e.owner.pid, e.owner.comm
  row.tx_kb, row.rx_kb = math.floor(e.tx / 1024), math.floor(e.rx / 1024)
  row.tx_bytes, row.rx_bytes = e.tx, e.rx
  row.ms = e.life / 1e6
  rows:row(row)
end)

obj:attach()
rows:header()
bpf.run()
