--- tc: classifiers and actions of clsact, with their effect on packets, and what is left
--- of them afterwards: nothing.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local SOURCE = [[
  u64 seen;
  u64 order;

  static __always_inline int is_port(struct __sk_buff *skb, u16 port)
  {
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    struct udphdr *udp = data + 14 + 20;

    return (void *)(udp + 1) <= end && udp->dest == htons(port);
  }
  SEC("tc") int drop(struct __sk_buff *skb)
  {
    if (!is_port(skb, 7001))
      return TC_ACT_OK;
    __sync_fetch_and_add(&seen, 1);
    return TC_ACT_SHOT;
  }
  static __always_inline int next(int digit)
  {
    order = order * 10 + digit;
    return TC_ACT_UNSPEC;
  }
  SEC("tc") int one(struct __sk_buff *skb) { return next(1); }
  SEC("tc") int two(struct __sk_buff *skb) { return next(2); }
  SEC("action") int act(struct __sk_buff *skb)
  {
    __sync_fetch_and_add(&seen, 1);
    return is_port(skb, 7001) ? TC_ACT_SHOT : TC_ACT_PIPE;
  }
]]

local function arrives(port)
  local server = net.datagrams("127.0.0.1", port, 0.25)
  local client = net.socket(net.UDP)
  client:send("hello", "127.0.0.1", port)
  local got = server:receive()
  server:close()
  client:close()
  return got == "hello"
end

local function shell(command)
  local result = support.sh(command)
  expect.equal({ result.code, result.err }, { 0, "" })
  return result.out
end

local function qdisc() return shell("tc qdisc show dev lo"):match("clsact") end
local function filters(direction) return shell("tc filter show dev lo " .. direction) end

describe("tc", function()
  for _, direction in ipairs { "ingress", "egress" } do
    it("classifier: drops a port at " .. direction .. " until closed", function()
      net.in_namespace(nil, function()
        local obj = bpf.load { source = SOURCE }
        local link = kernel.attach(obj.programs.drop, "tc:lo:" .. direction)
        expect.truthy(filters(direction):find("direct-action", 1, true), "filter")
        expect.equal({ arrives(7001), arrives(7002) }, { false, true })
        expect.equal(obj.variables.seen, 1)
        link:close()
        expect.equal({ filters(direction), qdisc() }, { "", nil })
        expect.truthy(arrives(7001), "arrival after close")
        obj:close()
      end)
    end)
  end

  it("action: drops a port", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = SOURCE }
      local link = kernel.attach(obj.programs.act, "tc:lo:ingress")
      expect.equal({ arrives(7001), arrives(7002) }, { false, true })
      expect.equal(obj.variables.seen, 2)
      link:close()
      expect.equal({ filters("ingress"), qdisc() }, { "", nil })
      expect.truthy(arrives(7001), "arrival after close")
      obj:close()
    end)
  end)

  it("runs lower priorities first", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = SOURCE }
      kernel.attach(obj.programs.two, "tc:lo:ingress", { priority = 20 })
      obj.programs.one:attach("tc:lo:ingress", { priority = 10 })
      expect.truthy(arrives(7001))
      expect.equal(obj.variables.order, 12)
      obj:close()
      expect.equal(qdisc(), nil)
    end)
  end)

  it("removes the qdisc with its last program, but no older one", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = SOURCE }
      local first = kernel.attach(obj.programs.one, "tc:lo:ingress")
      local second = obj.programs.two:attach("tc:lo:egress")
      first:close()
      expect.equal(qdisc(), "clsact")
      second:close()
      expect.equal(qdisc(), nil)
      shell "tc qdisc add dev lo clsact"
      obj.programs.one:attach("tc:lo:ingress"):close()
      expect.equal({ qdisc(), filters("ingress") }, { "clsact", "" })
      obj:close()
    end)
  end)

  it("leaves the qdisc to somebody else's filter", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = SOURCE }
      local ours = kernel.attach(obj.programs.one, "tc:lo:ingress")
      local made = support.sh "tc filter add dev lo egress bpf da bytecode '1,6 0 0 0,'"
      expect.equal({ made.code, made.err }, { 0, "" })
      ours:close()
      expect.equal(filters("ingress"), "")
      expect.truthy(filters("egress"):find("bytecode", 1, true), "the other filter")
      obj:close()
    end)
  end)

  it("leaves nothing after a SIGKILL", function()
    net.in_namespace(nil, function()
      kernel.attach(bpf.load { source = SOURCE }.programs.one, "tc:lo:ingress"):close()
      local script = ([[
        local obj = bpf.load { source = %q }
        obj.programs.one:attach "tc:lo:ingress"
        obj.programs.two:attach "tc:lo:egress"
        print "attached"
        io.stdout:flush()
        bpf.run()
      ]]):format(SOURCE)
      kernel.killed(script, function()
        expect.truthy(filters("ingress"):find("one", 1, true), "the filter while it runs")
        expect.equal(qdisc(), "clsact")
      end, function() return qdisc() == nil end)
    end)
  end)
end)
