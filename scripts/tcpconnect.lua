#!/usr/bin/env ebpf-lua
-- tcpconnect: TCP connections as processes open them.
--
--   tcpconnect                every connect()
--   tcpconnect -P 80,443      to these ports
--   tcpconnect -c             counted by address and port
--
-- A row is an attempt: also one that will be refused. With -L it comes when the attempt
-- has ended, because the kernel chooses the local port after it has told of the attempt.
local bpf = require "bpf"
local cli = require "bpf.cli"
local report = require "bpf.report"
local scope = require "bpf.scope"
local tcp = require "tcp.options"

local args = cli.parse {
  name = "tcpconnect",
  summary = "Trace TCP connects.",
  options = {
    cli.TIME, cli.TIMESTAMP,
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-P --port", "only to these ports", argument = "PORTS", convert = tcp.ports },
    tcp.IPV4, tcp.IPV6,
    { "-L --lport", "show the local port" },
    { "-U --print-uid", "user ids" },
    { "-u --uid", "only this user (number or name)", argument = "UID",
      convert = cli.uid },
    { "-c --count", "count connects by addresses and port" },
  },
  examples = {
    { "tcpconnect", "all connects" },
    { "tcpconnect -t -U", "with seconds and users" },
    { "tcpconnect -P 80,81", "ports 80 and 81" },
    { "tcpconnect -L", "with the local port" },
    { "tcpconnect -c -d 10", "count for ten seconds" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    #include "tcp/connection.h"

    struct event {
      u64 ts;
      struct owner owner;
      struct connection at;
    };

    RINGBUF(events, struct event, 256 * 1024);
    HASH(ports, u16, u8, 1024);
    HASH(opening, u64, struct event, 10240);   /* with -L, by socket */
    HASH(counts, struct connection, u64, 10240);

    const volatile u32 target_uid = -1;
    const volatile u16 only_family = 0;
    const volatile bool only_ports = false, with_lport = false, counted = false;

    static void begin(const struct sock *sk)
    {
      struct event e = { .ts = bpf_ktime_get_ns() };
      u64 key = (u64)sk;

      e.owner = current_owner();
      if (!is_target(e.owner.pid))
        return;
      if (target_uid != -1 && target_uid != e.owner.uid)
        return;
      e.at = connection_of(sk);
      if (only_ports && !bpf_map_lookup_elem(&ports, &e.at.rport))
        return;
      if (counted) {
        e.at.lport = 0;
        count_add(&counts, &e.at, 1);
      } else if (with_lport) {
        bpf_map_update_elem(&opening, &key, &e, BPF_ANY);
      } else {
        bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      }
    }

    static void end(const struct sock *sk)
    {
      u64 key = (u64)sk;
      struct event *e = bpf_map_lookup_elem(&opening, &key);

      if (!e)
        return;
      e->at = connection_of(sk);
      bpf_ringbuf_output(&events, e, sizeof(*e), 0);
      bpf_map_delete_elem(&opening, &key);
    }

    SEC("tp_btf/inet_sock_set_state")
    int BPF_PROG(on_state, const struct sock *sk, int oldstate, int newstate)
    {
      if (!is_tcp(sk, only_family))
        return 0;
      if (newstate == BPF_TCP_SYN_SENT)
        begin(sk);
      else if (oldstate == BPF_TCP_SYN_SENT && with_lport)
        end(sk);
      return 0;
    }
  ]],
  constants = {
    target_uid = args.uid or 0xffffffff,
    only_family = tcp.family(args), only_ports = args.port ~= nil,
    with_lport = args.lport or false, counted = args.count or false,
  },
})
tcp.fill(obj.maps.ports, args.port)

if args.count then
  obj:attach()
  report.run({}, "Counting connects", function()
    local list = {}
    for at, count in obj.maps.counts:pairs() do
      local row = tcp.fields(at)
      row.connects = count
      list[#list + 1] = row
    end
    table.sort(list, function(a, b)
      if a.connects ~= b.connects then return a.connects > b.connects end
      if a.raddr ~= b.raddr then return a.raddr < b.raddr end
      return a.rport < b.rport
    end)
    local rows = bpf.table {
      { name = "LADDR", width = 25 }, { name = "RADDR", width = 25 },
      { name = "RPORT", width = 20, align = "left" },
      { name = "CONNECTS", align = "left" },
    }
    rows:header()
    for _, row in ipairs(list) do rows:row(row) end
  end)
  return
end

local rows = bpf.table(cli.columns(args, {
  { name = "UID", width = 6, align = "left", when = args.print_uid or false },
  { name = "PID", width = 7, align = "left" },
  { name = "COMM", width = 12 },
  { name = "IP", width = 2, align = "left" },
  { name = "SADDR", key = "laddr", width = 16 },
  { name = "LPORT", width = 6, align = "left", when = args.lport or false },
  { name = "DADDR", key = "raddr", width = 16 },
  { name = "DPORT", key = "rport", width = 6, align = "left" },
}))

obj.maps.events:each(function(e)
  local row = tcp.fields(e.at)
  row.time, row.seconds = cli.times(args, e.ts)
  row.uid, row.pid, row.comm = e.owner.uid, e.owner.pid, e.owner.comm
  rows:row(row)
end)

obj:attach()
rows:header()
bpf.run()
