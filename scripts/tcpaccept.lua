#!/usr/bin/env ebpf-lua
-- tcpaccept: TCP connections as processes accept them.
--
--   tcpaccept            every accept() and accept4()
--   tcpaccept -P 80      on one port
--   tcpaccept -T -4      IPv4 only, with the time of day
--
-- A row is shown when accept() returns, not when the connection came. What io_uring
-- accepts is not seen.
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"
local tcp = require "tcp.options"

local args = cli.parse {
  name = "tcpaccept",
  summary = "Trace TCP accepts.",
  options = {
    cli.TIME, cli.TIMESTAMP,
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-P --port", "only on these local ports", argument = "PORTS",
      convert = tcp.ports },
    tcp.IPV4, tcp.IPV6,
  },
  examples = {
    { "tcpaccept", "all accepts" },
    { "tcpaccept -t", "with seconds" },
    { "tcpaccept -P 80,81", "on ports 80 and 81" },
    { "tcpaccept -p 181", "of one process" },
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

    const volatile u16 only_family = 0;
    const volatile bool only_ports = false;

    static void accepted(const struct sock *sk)
    {
      struct event e = { .ts = bpf_ktime_get_ns() };

      e.owner = current_owner();
      if (!is_target(e.owner.pid))
        return;
      e.at = connection_of(sk);
      if (only_ports && !bpf_map_lookup_elem(&ports, &e.at.lport))
        return;
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    }

    ON_ACCEPT(accepted, only_family)
  ]],
  constants = {
    only_family = tcp.family(args),
    only_ports = args.port ~= nil,
  },
})
tcp.fill(obj.maps.ports, args.port)

local rows = bpf.table(cli.columns(args, {
  { name = "PID", width = 7, align = "left" },
  { name = "COMM", width = 12 },
  { name = "IP", width = 2, align = "left" },
  { name = "RADDR", width = 16 },
  { name = "RPORT", width = 5, align = "left" },
  { name = "LADDR", width = 16 },
  { name = "LPORT", width = 5, align = "left" },
}))

obj.maps.events:each(function(e)
  local row = tcp.fields(e.at)
  row.time, row.seconds = cli.times(args, e.ts)
  row.pid, row.comm = e.owner.pid, e.owner.comm
  rows:row(row)
end)

obj:attach()
rows:header()
bpf.run()
