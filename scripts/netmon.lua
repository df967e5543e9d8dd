#!/usr/bin/env ebpf-lua
-- netmon: packets in and out of network interfaces, with the process where it is known.
--
--   netmon --iface eth0              one interface of this network namespace
--   netmon --proto tcp --port 443    what a port sees
--   netmon --drops                   also what the kernel drops: reason and kernel stack
--   netmon --pcap FILE               packets into a pcapng file, each with its process
--
-- LEN is the length of the IP packet; later fragments have no ports. A packet that is
-- sent belongs to the process that runs when it leaves, unless an interrupt sends it (a
-- retransmission, an answer, one that waited for its neighbor's address); one that is
-- received to the process that netmon last saw send from its port. Without --iface it
-- shows every network namespace. Filters are compared in the kernel; with --interactive
-- they can be changed while it runs by typing "port 53", "src 10.0.0.0/8", "iface lo",
-- "port any", "clear". A pcapng file has of each packet what lies in one piece, at most
-- 2048 bytes: all headers, and the payload of datagrams.
local bit = require "bit"
local ffi = require "ffi"
local bpf = require "bpf"
local cli = require "bpf.cli"
local api = require "bpf.ffi_api"
local filter = require "netmon.filter"
local pcapng = require "netmon.pcapng"

local args = cli.parse {
  name = "netmon",
  summary = "Show packets in and out of network interfaces.",
  options = {
    { "-i --iface", "only this interface of this network namespace", argument = "NAME",
      convert = filter.interface },
    { "--src", "only from this address or prefix", argument = "ADDRESS",
      convert = filter.address },
    { "--dst", "only to this address or prefix", argument = "ADDRESS",
      convert = filter.address },
    { "--proto", "only tcp, udp, icmp, icmp6 or a number", argument = "PROTOCOL",
      convert = filter.protocol },
    { "--port", "only from or to this port", argument = "PORT", convert = filter.port },
    { "--drops", "also packets that the kernel drops, with reason and stack" },
    { "--pcap", "write the packets into this file instead", argument = "FILE" },
    { "--interactive", "read new filters from standard input" },
    { "-T --time", "time of day" },
  },
  examples = {
    { "netmon", "all interfaces" },
    { "netmon --iface eth0 --proto tcp", "TCP on one interface" },
    { "netmon --src 10.0.0.0/8 --port 53", "DNS with one network" },
    { "netmon --drops --proto udp", "UDP, and why it is dropped" },
  },
}

local CAPTURE = 2048 -- bytes of a packet in a pcapng file, at most

if args.pcap and args.drops then
  io.stderr:write("netmon: --pcap and --drops exclude each other\n")
  os.exit(2)
end
local obj = bpf.load {
  file = "netmon/packets.bpf.c",
  cflags = args.pcap and { "-DCAPTURE=" .. CAPTURE } or nil,
}
local wanted = filter.new(args)
obj.maps.config[0] = wanted:config()

-- In JSON and CSV the addresses and ports are fields of their own.
local columns = {
  { name = "DIR", width = args.drops and 4 or 3 },
  { name = "IFACE", width = 6 },
  { name = "PROTO", width = 5 },
  { name = "SOURCE", width = 19, text_only = true },
  { name = "DESTINATION", width = 19, text_only = true },
  { name = "SADDR", hidden = true },
  { name = "SPORT", hidden = true },
  { name = "DADDR", hidden = true },
  { name = "DPORT", hidden = true },
  { name = "LEN", width = 5, align = "right" },
  { name = "PID", width = 6, align = "left" },
  { name = "COMM", width = args.drops and 15 or nil },
}
if args.time then table.insert(columns, 1, { name = "TIME", width = 8 }) end
if args.drops then
  columns[#columns + 1] = { name = "REASON" }
  columns[#columns + 1] = { name = "STACK", hidden = true }
end
local rows = bpf.table(columns)

local DIRECTIONS = { [0] = "RX", [1] = "TX", [2] = "DROP" }
local IS_IPV4, HAS_PORTS = 1, 2
local reasons = args.drops and filter.drop_reasons() or {}

local function address_of(words, is_ipv4)
  local bytes = words:raw("word")
  return bpf.ntop(is_ipv4 and bytes:sub(13, 16) or bytes)
end

local function with_port(address, port, is_ipv4)
  if not port then return address end
  return (is_ipv4 and "%s:%d" or "[%s]:%d"):format(address, port)
end

local function frames_of(e)
  local frames = {}
  for i = 1, e.stack_size do frames[i] = bpf.ksym(e.stack[i]) or "[unknown]" end
  return frames
end

local function show(e)
  local is_ipv4 = bit.band(e.flags, IS_IPV4) ~= 0
  local has_ports = bit.band(e.flags, HAS_PORTS) ~= 0
  local row = {
    dir = DIRECTIONS[e.direction], iface = e.iface, len = e.len,
    proto = filter.protocol_name(e.protocol),
    saddr = address_of(e.src, is_ipv4), sport = has_ports and e.sport or nil,
    daddr = address_of(e.dst, is_ipv4), dport = has_ports and e.dport or nil,
  }
  row.source = with_port(row.saddr, row.sport, is_ipv4)
  row.destination = with_port(row.daddr, row.dport, is_ipv4)
  if e.comm ~= "" then row.pid, row.comm = e.pid, e.comm end
  if args.time then row.time = bpf.time(e.ts) end
  if DIRECTIONS[e.direction] == "DROP" then
    row.reason = reasons[e.reason] or e.reason > 0 and tostring(e.reason) or nil
    row.stack = frames_of(e)
  end
  rows:row(row)
  if row.stack and rows:is_text() then
    for _, frame in ipairs(row.stack) do print("    " .. frame) end
  end
end

--- Lets packets go to a pcapng file.
local function save_to(path)
  local file, err = pcapng.create(path, CAPTURE)
  if not file then error("cannot create " .. err, 0) end
  obj.maps.events:each(function(e)
    file:add {
      interface = e.iface, length = e.len, sent = DIRECTIONS[e.direction] == "TX",
      time = ffi.cast("uint64_t", e:exact "ts" + api.ebl_boot_offset_ns()),
      bytes = e:raw("packet"):sub(1, e.captured),
      comment = e.comm ~= "" and ("%s (%d)"):format(e.comm, e.pid) or nil,
    }
  end)
  bpf.every(1, function() file:flush() end)
  io.stderr:write(("netmon: writing packets to %s\n"):format(path))
  return file
end

if not args.pcap then obj.maps.events:each(show) end

if args.interactive then
  bpf.each_line(function(line)
    local ok, why = wanted:change(line)
    if ok then
      obj.maps.config[0] = wanted:config()
      io.stderr:write("filter: ", wanted:describe(), "\n")
    else
      io.stderr:write("netmon: ", why, "\n")
    end
  end)
end

local programs = obj.programs
programs.on_softirq_entry:attach()
programs.on_softirq_exit:attach()
programs.on_receive:attach()
programs.on_send:attach()
if args.drops then programs.on_drop:attach() end
local file = args.pcap and save_to(args.pcap)
if not file then rows:header() end
bpf.run()
if file then
  file:close()
  io.stderr:write(("netmon: %d packets\n"):format(file.packets))
end
