--- Routes whose packets pass a program (lwt, seg6local), and decoders of infrared
--- devices: each with its effect, and nothing left afterwards.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local PAIR = [[
  ip link add v0 type veth peer name v1
  ip addr add 10.20.0.1/24 dev v0
  ip link set v0 up; ip link set v1 up
  ip neigh add 10.20.0.9 lladdr 02:00:00:00:00:09 dev v0
]]

local SOURCE = [[
  u64 seen, bytes;
  SEC("lwt_out") int out(struct __sk_buff *skb)
  {
    __sync_fetch_and_add(&seen, 1);
    __sync_fetch_and_add(&bytes, skb->len);
    return BPF_OK;
  }
  SEC("lwt_xmit") int block(struct __sk_buff *skb)
  {
    __sync_fetch_and_add(&seen, 1);
    return BPF_DROP;
  }
  SEC("lwt_in") int in(struct __sk_buff *skb)
  {
    __sync_fetch_and_add(&seen, 1);
    return BPF_OK;
  }
  SEC("lwt_seg6local") int segment(struct __sk_buff *skb)
  {
    __sync_fetch_and_add(&seen, 1);
    return BPF_OK;
  }
]]

local function send(to, count)
  local client = net.socket(net.UDP, to:find(":", 1, true) and 6 or 4)
  for _ = 1, count or 1 do client:send("hello", to, 7001) end
  client:close()
end

local function routes()
  return support.sh("echo; ip route; ip -6 route").out
end

local function sent()
  return tonumber(support.sh("ip -s link show v0").out:match("TX:.-\n%s*%d+%s+(%d+)"))
end

describe("lwt", function()
  it("out: sees the packets of its route alone", function()
    net.in_namespace(PAIR, function()
      local obj = bpf.load { source = SOURCE }
      local link = kernel.attach(obj.programs.out, "lwt:10.9.0.0/16:out",
                                 { device = "v0", via = "10.20.0.9" })
      expect.truthy(routes():find("10.9.0.0/16  encap bpf out out", 1, true), routes())
      send("10.9.1.2", 3)
      send("10.20.0.9", 2)
      expect.equal({ obj.variables.seen, obj.variables.bytes }, { 3, 3 * 33 })
      link:close()
      expect.truthy(not routes():find("10.9.0.0", 1, true), "the route has gone")
      obj:close()
    end)
  end)

  it("xmit: keeps packets from the wire", function()
    net.in_namespace(PAIR, function()
      local obj = bpf.load { source = SOURCE }
      kernel.attach(obj.programs.block, "lwt:10.9.0.0/16:xmit",
                    { device = "v0", via = "10.20.0.9" })
      support.sh "ip route add 10.10.0.0/16 via 10.20.0.9 dev v0"
      local before = sent()
      send("10.9.1.2", 50)
      local blocked = sent() - before
      send("10.10.1.2", 50)
      expect.equal(obj.variables.seen, 50)
      expect.truthy(blocked < 25, blocked .. " packets were sent")
      expect.truthy(sent() - before >= 50, "packets of the other route")
      obj:close()
    end)
  end)

  it("in: sees the packets that arrive for its route", function()
    net.in_namespace("ip addr add 10.30.0.1/32 dev lo", function()
      local obj = bpf.load { source = SOURCE }
      kernel.attach(obj.programs["in"], "lwt:10.9.0.0/16:in", { device = "lo" })
      send("10.9.1.2", 3)
      expect.equal(obj.variables.seen, 3)
      obj:close()
    end)
  end)

  it("says which part of a route is wrong", function()
    net.in_namespace(PAIR, function()
      local obj = bpf.load { source = SOURCE }
      local out = obj.programs.out
      for spec, wanted in pairs {
        ["lwt:10.9.0.0/33:out"] = "'10.9.0.0/33' is not a network address",
        ["lwt:10.9.0.0/16:up"] = "'up' is not in, out or xmit",
        ["lwt:10.9.0.0/16:out"] = "needs the option device",
      } do
        expect.error(wanted, out.attach, out, spec)
      end
      local options = { device = "v0", via = "fe80::1" }
      expect.error("'fe80::1' is not an address for via", out.attach, out,
                   "lwt:10.9.0.0/16:out", options)
      expect.error("there is no interface v7", out.attach, out, "lwt:10.9.0.0/16:out",
                   { device = "v7" })
      expect.error("lwt has no option pid", out.attach, out, "lwt:10.9.0.0/16:out",
                   { pid = 1 })
      kernel.attach(out, "lwt:10.9.0.0/16:out", { device = "v0" })
      expect.error("there is a route to 10.9.0.0/16 already", out.attach, out,
                   "lwt:10.9.0.0/16:out", { device = "v0" })
      obj:close()
    end)
  end)

  it("leaves no route after a SIGKILL", function()
    net.in_namespace(PAIR, function()
      kernel.attach(bpf.load { source = SOURCE }.programs.out, "lwt:10.9.0.0/16:out",
                    { device = "v0" }):close()
      kernel.killed(([[
        local obj = bpf.load { source = %q }
        obj.programs.out:attach("lwt:10.9.0.0/16:out", { device = "v0" })
        print "attached"
        io.stdout:flush()
        bpf.run()
      ]]):format(SOURCE), function()
        expect.truthy(routes():find("10.9.0.0", 1, true), "the route while it runs")
      end, function() return not routes():find("10.9.0.0", 1, true) end)
    end)
  end)
end)

describe("seg6local", function()
  it("runs for packets whose segment is its route", function()
    local sender = "ebl-seg6-" .. support.pid
    support.sh("ip netns add " .. sender)
    local ok, err = pcall(net.in_namespace, ([[
      ip link add v0 type veth peer name v1 netns %s
      ip -6 addr add fd00::1/64 dev v0 nodad
      ip link set v0 up
      sysctl -qw net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.v0.seg6_enabled=1
      sysctl -qw net.ipv6.conf.all.forwarding=1
      ip -n %s -6 addr add fd00::2/64 dev v1 nodad
      ip -n %s link set v1 up
    ]]):gsub("%%s", sender), function()
      local obj = bpf.load { source = SOURCE }
      local link = kernel.attach(obj.programs.segment, "seg6local:fc00::99/128",
                                 { device = "v0" })
      local route = routes()
      expect.truthy(route:find("\nfc00::99 ", 1, true), route)
      expect.truthy(route:find("End.BPF endpoint segment", 1, true), route)
      -- Packets to another place, by way of the segment.
      local made = support.sh(([[
        set -e
        ip -n %s -6 route add fc00::99 via fd00::1
        ip -n %s -6 route add fd01::/64 encap seg6 mode inline segs fc00::99 dev v1
        for i in 1 2 3; do
          ip netns exec %s bash -c 'echo hello >/dev/udp/fd01::7/7001'
        done
      ]]):gsub("%%s", sender))
      expect.equal({ made.code, made.err }, { 0, "" })
      expect.equal(obj.variables.seen, 3)
      link:close()
      expect.truthy(not routes():find("\nfc00::99 ", 1, true), "the route has gone")
      expect.error("'10.0.0.1' is not an IPv6 address", function()
        obj.programs.segment:attach("seg6local:10.0.0.1", { device = "v0" })
      end)
      obj:close()
    end)
    support.sh("ip netns del " .. sender)
    if not ok then error(err, 0) end
  end)
end)

describe("lirc_mode2", function()
  it("loads and attaches, or names what the kernel lacks", function()
    local obj = bpf.load { source = [[
      SEC("lirc_mode2") int decode(unsigned int *sample) { return 0; }
    ]] }
    kernel.attach(obj.programs.decode, "lirc_mode2:/dev/lirc0"):close()
    obj:close()
  end)

  it("takes the path of a device", function()
    local obj = bpf.load { source = [[
      SEC("lirc_mode2") int decode(unsigned int *sample) { return 0; }
    ]] }
    expect.error("'lirc0' is not the path of a device", function()
      obj.programs.decode:attach "lirc_mode2:lirc0"
    end)
    obj:close()
  end)
end)
