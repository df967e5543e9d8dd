--- Hooks of a network interface or namespace, each with its effect on real packets: tcx,
--- netkit, netfilter, sk_lookup, flow_dissector.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

--- UDP to `port` of 127.0.0.1: does it arrive within a quarter of a second?
local function arrives(port, data)
  local server = net.datagrams("127.0.0.1", port, 0.25)
  local client = net.socket(net.UDP)
  client:send(data or "hello", "127.0.0.1", port)
  local got = server:receive()
  server:close()
  client:close()
  return got ~= nil and got == (data or "hello")
end

-- Programs of one text that write down in which order they ran, as decimal digits.
local ORDER = [[
  u64 order;
  static __always_inline void seen(int digit) { order = order * 10 + digit; }
]]

local function tcx_program(name, digit)
  return ([[
    SEC("tcx/ingress") int %s(struct __sk_buff *skb)
    {
      seen(%d);
      return TCX_NEXT;
    }
  ]]):format(name, digit)
end

describe("tcx", function()
  it("drops what its program refuses, until the link is closed", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        u64 seen;
        SEC("tcx/egress") int drop(struct __sk_buff *skb)
        {
          void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
          struct udphdr *udp = data + 14 + 20;

          if ((void *)(udp + 1) > end || udp->dest != htons(7001))
            return 0;
          __sync_fetch_and_add(&seen, 1);
          return TCX_DROP;
        }
      ]] }
      local link = kernel.attach(obj.programs.drop, "tcx:lo:egress")
      expect.equal(link:info().program_id, obj.programs.drop:id())
      expect.equal({ arrives(7001), arrives(7002) }, { false, true })
      expect.equal(obj.variables.seen, 1)
      link:close()
      expect.truthy(arrives(7001), "arrival after close")
      expect.equal(obj.variables.seen, 1)
      obj:close()
    end)
  end)

  it("runs programs in the order that before and after ask for", function()
    net.in_namespace(nil, function()
      local text = ORDER
      for digit, name in ipairs { "one", "two", "three", "four" } do
        text = text .. tcx_program(name, digit)
      end
      local obj = bpf.load { source = text }
      local p = obj.programs
      local one = kernel.attach(p.one, "tcx:lo:ingress")
      p.two:attach("tcx:lo:ingress", { before = one })
      p.three:attach("tcx:lo:ingress", { after = true })
      p.four:attach("tcx:lo:ingress", { before = p.one })
      expect.truthy(arrives(7001))
      expect.equal(obj.variables.order, 2413)
      obj.variables.order = 0
      one:close()
      expect.truthy(arrives(7001))
      expect.equal(obj.variables.order, 243)
      expect.error("is not attached there", function()
        p.one:attach("tcx:lo:egress", { before = p.two })
      end)
      expect.error("take a link, a program or true", function()
        p.one:attach("tcx:lo:ingress", { before = "two" })
      end)
      expect.error("before or after, not both", function()
        p.one:attach("tcx:lo:ingress", { before = true, after = true })
      end)
      obj:close()
    end)
  end)

  it("swaps its program in place", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        SEC("tcx/ingress") int drop(struct __sk_buff *skb) { return 2; }
        SEC("tcx/ingress") int pass(struct __sk_buff *skb) { return 0; }
      ]] }
      local link = kernel.attach(obj.programs.drop, "tcx:lo:ingress")
      expect.truthy(not arrives(7001), "dropped")
      link:update(obj.programs.pass)
      expect.truthy(arrives(7001))
      expect.equal(link:info().program_id, obj.programs.pass:id())
      obj:close()
    end)
  end)

  it("attaches by its SEC() name where that has the interface", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        u64 seen;
        SEC("tcx/lo/egress") int count(struct __sk_buff *skb)
        {
          __sync_fetch_and_add(&seen, 1);
          return -1;
        }
      ]] }
      kernel.try(obj.attach, obj)
      expect.truthy(arrives(7001))
      expect.equal(obj.variables.seen, 1)
      obj:close()
    end)
  end)

  it("names the interfaces that there are", function()
    net.in_namespace("ip link add white type veth peer name black", function()
      local obj = bpf.load { source = [[
        SEC("tcx/ingress") int pass(struct __sk_buff *skb) { return 0; }
      ]] }
      local pass = obj.programs.pass
      local ok, err = pcall(pass.attach, pass, "tcx:grey:ingress")
      expect.equal({ ok, err.code, err.message },
                   { false, "not_found", "tcx:grey:ingress: there is no interface grey" })
      for _, name in ipairs { "lo", "white", "black" } do
        expect.truthy(err.hint:find(name, 1, true), err.hint)
      end
      obj:close()
    end)
  end)
end)

describe("netkit", function()
  it("sees and drops what the pair carries, from both sides", function()
    net.in_namespace(nil, function()
      -- A name that the kernel does not give to the peer.
      local made = support.sh("ip link add ebl0 type netkit")
      local obj = bpf.load { source = [[
        u64 primary_packets, peer_packets;
        SEC("netkit/primary") int primary(struct __sk_buff *skb)
        {
          __sync_fetch_and_add(&primary_packets, 1);
          return 2;
        }
        SEC("netkit/peer") int peer(struct __sk_buff *skb)
        {
          __sync_fetch_and_add(&peer_packets, 1);
          return 2;
        }
      ]] }
      if made.code ~= 0 then
        support.sh "ip link add ebl0 type veth peer name ebl1"
        local ok, err = pcall(obj.programs.primary.attach, obj.programs.primary,
                              "netkit:ebl0:primary")
        expect.equal({ ok, err.code }, { false, "not_supported" })
        expect.truthy(err.hint:find("tcx:ebl0:ingress", 1, true), err.hint)
        obj:close()
        harness.skip(err.message)
      end
      obj.programs.primary:attach "netkit:ebl0:primary"
      obj.programs.peer:attach "netkit:ebl0:peer"
      net.netkit_up "ebl0"
      local client = net.socket(net.UDP, 6)
      for _ = 1, 20 do
        client:send("x", net.THROUGH_PRIMARY, 7001)
        client:send("x", net.THROUGH_PEER, 7001)
      end
      client:close()
      expect.truthy(obj.variables.primary_packets >= 20, "packets at the primary")
      expect.truthy(obj.variables.peer_packets >= 20, "packets at the peer")
      obj:close()
    end)
  end)
end)

local NETFILTER = [[
  u64 order, packets, longest, ports_dropped;
  static __always_inline int seen(const struct bpf_nf_ctx *ctx, int digit)
  {
    u32 length = ctx->skb->len;

    order = order * 10 + digit;
    packets++;
    if (length > longest)
      longest = length;
    return NF_ACCEPT;
  }
  SEC("netfilter") int first(struct bpf_nf_ctx *ctx) { return seen(ctx, 1); }
  SEC("netfilter") int second(struct bpf_nf_ctx *ctx) { return seen(ctx, 2); }
  SEC("netfilter") int drop(struct bpf_nf_ctx *ctx)
  {
    struct sk_buff *skb = ctx->skb;
    unsigned char *head = skb->head;
    u16 port = 0;

    bpf_probe_read_kernel(&port, 2, head + skb->network_header + 20 + 2);
    if (port != htons(7001))
      return NF_ACCEPT;
    ports_dropped++;
    return NF_DROP;
  }
]]

describe("netfilter", function()
  it("drops one port and lets the others pass", function()
    kernel.needs_section "netfilter"
    net.in_namespace(nil, function()
      local obj = bpf.load { source = NETFILTER }
      local drop = obj.programs.drop
      local link = kernel.attach(drop, "netfilter:ipv4:local_in:0")
      expect.equal(link.spec, "netfilter:ipv4:local_in:0")
      expect.equal({ arrives(7001), arrives(7002) }, { false, true })
      expect.equal(obj.variables.ports_dropped, 1)
      link:close()
      expect.truthy(arrives(7001), "arrival after close")
      obj:close()
    end)
  end)

  it("runs lower priorities first, and refuses one that is taken", function()
    kernel.needs_section "netfilter"
    net.in_namespace(nil, function()
      local obj = bpf.load { source = NETFILTER }
      local p = obj.programs
      local second = kernel.attach(p.second, "netfilter:ipv4:local_out:10")
      p.first:attach "netfilter:ipv4:local_out:-10"
      expect.truthy(arrives(7001))
      expect.equal(obj.variables.order, 12)
      expect.error("another program has priority 10 there", function()
        p.drop:attach "netfilter:ipv4:local_out:10"
      end)
      second:close()
      obj:close()
    end)
  end)

  it("sees fragments, and whole packets with defrag", function()
    kernel.needs_section "netfilter"
    net.in_namespace("ip link set lo mtu 1500", function()
      local data = ("x"):rep(3000)
      for _, defrag in ipairs { false, true } do
        local obj = bpf.load { source = NETFILTER }
        local first = obj.programs.first
        kernel.attach(first, "netfilter:ipv4:pre_routing:-300", { defrag = defrag })
        expect.truthy(arrives(7001, data), "arrival")
        local seen = { obj.variables.packets, obj.variables.longest }
        expect.equal(seen, defrag and { 1, 3028 } or { 3, 1500 })
        obj:close()
      end
      local obj = bpf.load { source = NETFILTER }
      expect.error("defrag needs a later one", function()
        obj.programs.first:attach("netfilter:ipv4:pre_routing:-400", { defrag = true })
      end)
      obj:close()
    end)
  end)
end)

describe("sk_lookup", function()
  it("steers connections to any of ten ports to one listener", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        struct {
          __uint(type, BPF_MAP_TYPE_SOCKMAP);
          __uint(max_entries, 1);
          __type(key, u32);
          __type(value, u64);
        } listeners SEC(".maps");

        SEC("sk_lookup") int steer(struct bpf_sk_lookup *ctx)
        {
          u32 key = 0;
          struct bpf_sock *sk;
          long err;

          if (ctx->local_port < 7000 || ctx->local_port > 7009)
            return SK_PASS;
          sk = bpf_map_lookup_elem(&listeners, &key);
          if (!sk)
            return SK_DROP;
          err = bpf_sk_assign(ctx, sk, 0);
          bpf_sk_release(sk);
          return err ? SK_DROP : SK_PASS;
        }
      ]] }
      local steer = obj.programs.steer
      local listener = net.listener("127.0.0.1", 9000)
      expect.equal({ net.client("127.0.0.1", 7003) }, { nil, 111 })
      expect.truthy(obj.maps.listeners:update(0, listener.fd))
      local link = kernel.attach(steer, "sk_lookup")
      for _, port in ipairs { 7000, 7003, 7009 } do
        local client = assert(net.client("127.0.0.1", port))
        local server = assert(listener:accept())
        client:send "steered"
        expect.equal(server:receive(), "steered")
        expect.equal({ server:name() }, { "127.0.0.1", port })
        client:close()
        server:close()
      end
      expect.equal({ net.client("127.0.0.1", 7010) }, { nil, 111 })
      link:close()
      expect.equal({ net.client("127.0.0.1", 7003) }, { nil, 111 })
      listener:close()
      obj:close()
    end)
  end)

  it("attaches to a namespace by its path, and says what is none", function()
    local obj = bpf.load { source = [[
      SEC("sk_lookup") int drop(struct bpf_sk_lookup *ctx) { return SK_DROP; }
    ]] }
    local drop = obj.programs.drop
    local name = "ebl-lookup-" .. support.pid
    support.sh("ip netns add " .. name)
    local ok, result = pcall(kernel.attach, drop, "sk_lookup:/run/netns/" .. name)
    support.sh("ip netns del " .. name)
    if not ok then error(result, 0) end
    expect.equal(result.spec, "sk_lookup:/run/netns/" .. name)
    expect.error("/etc/passwd is not a network namespace", drop.attach, drop,
                 "sk_lookup:/etc/passwd")
    expect.error("cannot open /run/netns/none-such", drop.attach, drop,
                 "sk_lookup:/run/netns/none-such")
    expect.error("is not the path of a network namespace", drop.attach, drop,
                 "sk_lookup:blue")
    obj:close()
  end)
end)

describe("flow_dissector", function()
  it("decides which flow a packet belongs to", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        u64 dissected;
        u32 hashes[16];
        u32 packets;

        SEC("flow_dissector") int dissect(struct __sk_buff *skb)
        {
          struct bpf_flow_keys *keys = skb->flow_keys;

          dissected++;
          keys->n_proto = htons(0x0800);
          keys->addr_proto = 0x0800;
          keys->ip_proto = 17;
          keys->ipv4_src = keys->ipv4_dst = htonl(0x01020304);
          keys->sport = keys->dport = htons(1);
          return BPF_OK;
        }
        SEC("tc") int hash(struct __sk_buff *skb)
        {
          bpf_set_hash_invalid(skb);
          hashes[packets++ & 15] = bpf_get_hash_recalc(skb);
          return -1;
        }
      ]] }
      local p = obj.programs
      kernel.attach(p.hash, "tcx:lo:ingress")
      expect.truthy(arrives(7001))
      expect.truthy(arrives(7002))
      expect.equal(obj.variables.packets, 2)
      local hashes = obj.variables.hashes
      expect.truthy(hashes[1] ~= hashes[2], "two flows")
      kernel.attach(p.dissect, "flow_dissector")
      expect.truthy(arrives(7001))
      expect.truthy(arrives(7002))
      expect.equal(obj.variables.packets, 4)
      expect.truthy(obj.variables.dissected >= 2, "dissected")
      expect.truthy(hashes[3] == hashes[4] and hashes[3] ~= 0, "one flow")
      expect.error("as many programs as it can hold", function()
        local other = bpf.load { source = [[
          SEC("flow_dissector") int other(struct __sk_buff *skb) { return BPF_OK; }
        ]] }
        other.programs.other:attach "flow_dissector"
      end)
      obj:close()
    end)
  end)
end)
