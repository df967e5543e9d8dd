--- Programs of sockets: filters, the choice among sockets that share a port, and the
--- programs of sockmaps that move bytes from one socket to another.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local describe, it, expect = harness.describe, harness.it, harness.expect

describe("socket_filter", function()
  it("sees the packets of an interface", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        u64 packets, bytes;
        SEC("socket") int count(struct __sk_buff *skb)
        {
          __sync_fetch_and_add(&packets, 1);
          __sync_fetch_and_add(&bytes, skb->len);
          return 0;
        }
      ]] }
      local link = kernel.attach(obj.programs.count, "socket_filter:lo")
      local client = net.socket(net.UDP)
      client:send("hello", "127.0.0.1", 7001)
      -- Out and in: each of the two sees Ethernet, IPv4 and UDP headers and five bytes;
      -- nobody listens, so an ICMP message with the packet in it comes back.
      local udp, icmp = 14 + 20 + 8 + 5, 14 + 20 + 8 + 20 + 8 + 5
      expect.equal(obj.variables.packets, 4)
      expect.equal(obj.variables.bytes, 2 * (udp + icmp))
      link:close()
      client:send("hello", "127.0.0.1", 7001)
      expect.equal(obj.variables.packets, 4)
      client:close()
      obj:close()
    end)
  end)

  it("decides what a socket of the script's own receives", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        SEC("socket") int keep(struct __sk_buff *skb)
        {
          u8 first = 0;

          bpf_skb_load_bytes(skb, 8, &first, 1);
          return first == 'k' ? skb->len : first == 'c' ? 8 + 4 : 0;
        }
      ]] }
      local server, client = net.datagrams("127.0.0.1", 7001, 0.2), net.socket(net.UDP)
      local keep = obj.programs.keep
      local link = kernel.attach(keep, "socket_filter", { socket = server.fd })
      for _, text in ipairs { "drop this", "keep this", "cut this" } do
        client:send(text, "127.0.0.1", 7001)
      end
      expect.equal({ (server:receive()), (server:receive()), (server:receive()) },
                   { "keep this", "cut " })
      link:close()
      client:send("drop this", "127.0.0.1", 7001)
      expect.equal((server:receive()), "drop this")
      server:close()
      client:close()
      expect.error("needs the option socket", keep.attach, keep, "socket_filter")
      expect.error("descriptor 100000 is not a socket", keep.attach, keep,
                   "socket_filter", { socket = 100000 })
      expect.error("exclude each other", keep.attach, keep, "socket_filter:lo",
                   { socket = 1 })
      obj:close()
    end)
  end)
end)

describe("sk_reuseport", function()
  it("chooses among the sockets that share a port", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = [[
        struct {
          __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
          __uint(max_entries, 2);
          __type(key, u32);
          __type(value, u64);
        } workers SEC(".maps");

        SEC("sk_reuseport") int choose(struct sk_reuseport_md *ctx)
        {
          u8 first = 0;
          u32 key;

          bpf_skb_load_bytes(ctx, 8, &first, 1);
          key = first == 'b';
          return bpf_sk_select_reuseport(ctx, &workers, &key, 0) ? SK_DROP : SK_PASS;
        }
      ]] }
      local servers = {}
      for i = 1, 2 do
        servers[i] = net.socket(net.UDP, 4, 0.2)
        servers[i]:share_port()
        assert(servers[i]:bind("127.0.0.1", 7001))
        assert(obj.maps.workers:update(i - 1, servers[i].fd))
      end
      kernel.attach(obj.programs.choose, "sk_reuseport", { socket = servers[1].fd })
      local client = net.socket(net.UDP)
      for _, text in ipairs { "a1", "b1", "b2", "a2" } do
        client:send(text, "127.0.0.1", 7001)
      end
      local got = {}
      for i = 1, 2 do
        for _ = 1, 2 do got[#got + 1] = (servers[i]:receive()) end
      end
      expect.equal(got, { "a1", "a2", "b1", "b2" })
      expect.error("the socket shares no port", function()
        obj.programs.choose:attach("sk_reuseport", { socket = client.fd })
      end)
      for _, socket in ipairs { client, unpack(servers) } do socket:close() end
      obj:close()
    end)
  end)
end)

--- Two connections over lo: what the first client sends would reach the first server.
local function two_connections(fn)
  net.in_namespace(nil, function()
    local listener = net.listener("127.0.0.1", 7001)
    local sockets = {}
    for i = 1, 2 do
      sockets[#sockets + 1] = assert(net.client("127.0.0.1", 7001, 0.5))
      sockets[#sockets + 1] = assert(listener:accept())
      sockets[i * 2]:set(net.SOL_SOCKET, 20, net.seconds(0.5))
    end
    fn { client1 = sockets[1], server1 = sockets[2], client2 = sockets[3],
         server2 = sockets[4] }
    for _, socket in ipairs(sockets) do socket:close() end
    listener:close()
  end)
end

local MAP = [[
  struct {
    __uint(type, BPF_MAP_TYPE_%s);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, u64);
  } sockets SEC(".maps");
  u64 runs, bytes;
]]

describe("sockmap", function()
  it("sk_msg: sends what one socket writes to another's reader", function()
    two_connections(function(s)
      local obj = bpf.load { source = MAP:format "SOCKMAP" .. [[
        SEC("sk_msg") int redirect(struct sk_msg_md *msg)
        {
          runs++;
          bytes += msg->size;
          return bpf_msg_redirect_map(msg, &sockets, 1, BPF_F_INGRESS);
        }
      ]] }
      local link = kernel.attach(obj.programs.redirect, "sockmap:sockets:sk_msg")
      assert(obj.maps.sockets:update(0, s.client1.fd))
      assert(obj.maps.sockets:update(1, s.server2.fd))
      s.client1:send "over there"
      expect.equal((s.server2:receive()), "over there")
      expect.equal({ obj.variables.runs, obj.variables.bytes }, { 1, 10 })
      link:close()
      obj:close()
    end)
  end)

  --- Calls fn(s, obj) where a parser cuts what client1 sends into parts of four bytes,
  --- and a verdict moves them to client2.
  local function in_parts(fn)
    two_connections(function(s)
      local obj = bpf.load { source = MAP:format "SOCKMAP" .. [[
        SEC("sk_skb/stream_parser") int parse(struct __sk_buff *skb)
        {
          return skb->len < 4 ? 0 : 4;
        }
        SEC("sk_skb/stream_verdict") int redirect(struct __sk_buff *skb)
        {
          runs++;
          return bpf_sk_redirect_map(skb, &sockets, 1, 0);
        }
      ]] }
      kernel.attach(obj.programs.parse, "sockmap:sockets:stream_parser")
      kernel.attach(obj.programs.redirect, "sockmap:sockets:stream_verdict")
      assert(obj.maps.sockets:update(1, s.server2.fd))
      assert(obj.maps.sockets:update(0, s.server1.fd))
      fn(s, obj)
      obj:close()
    end)
  end

  local function receive(socket, size)
    local got = ""
    while #got < size do got = got .. assert((socket:receive())) end
    return got
  end

  it("stream_parser, stream_verdict: wait for the whole of a part and move it", function()
    in_parts(function(s, obj)
      s.client1:send "aa"
      s.client1:send "aa"
      expect.equal(receive(s.client2, 4), "aaaa")
      s.client1:send "bbbb"
      expect.equal(receive(s.client2, 4), "bbbb")
      expect.equal(obj.variables.runs, 2)
    end)
  end)

  it("stream_parser, stream_verdict: cut what arrives at once", function()
    in_parts(function(s, obj)
      local text = "aaaabbbbcccc"
      s.client1:send(text)
      local got = receive(s.client2, #text)
      expect.equal(obj.variables.runs, 3)
      if got:sub(1, 12) == text and #got > 12 then
        skip "the kernel moves all that arrived with each part of it"
      end
      expect.equal(got, text)
    end)
  end)

  it("verdict: moves what arrives without a parser", function()
    two_connections(function(s)
      local obj = bpf.load { source = MAP:format "SOCKMAP" .. [[
        SEC("sk_skb/verdict") int redirect(struct __sk_buff *skb)
        {
          runs++;
          return bpf_sk_redirect_map(skb, &sockets, 1, 0);
        }
      ]] }
      kernel.attach(obj.programs.redirect, "sockmap:sockets:verdict")
      assert(obj.maps.sockets:update(1, s.server2.fd))
      assert(obj.maps.sockets:update(0, s.server1.fd))
      s.client1:send "no parser"
      expect.equal((s.client2:receive()), "no parser")
      expect.truthy(obj.variables.runs >= 1, "runs")
      obj:close()
    end)
  end)

  it("refuses a second program, and maps that hold no sockets", function()
    net.in_namespace(nil, function()
      local obj = bpf.load { source = MAP:format "SOCKMAP" .. [[
        HASH(numbers, u32, u32, 4);
        SEC("sk_msg") int one(struct sk_msg_md *msg)
        {
          u32 key = 0;

          bpf_map_lookup_elem(&numbers, &key);
          return bpf_msg_redirect_map(msg, &sockets, 1, 0);
        }
        SEC("sk_msg") int two(struct sk_msg_md *msg) { return SK_PASS; }
      ]] }
      local p = obj.programs
      kernel.attach(p.one, "sockmap:sockets:sk_msg")
      expect.error("numbers is not a sockmap or sockhash", p.two.attach, p.two,
                   "sockmap:numbers:sk_msg")
      expect.error("no map 'socket' in", p.two.attach, p.two, "sockmap:socket:sk_msg")
      expect.error("is not stream_parser", p.two.attach, p.two, "sockmap:sockets:msg")
      obj:close()
    end)
  end)
end)

describe("sockhash", function()
  it("stream_verdict: finds the other socket by a key", function()
    two_connections(function(s)
      local obj = bpf.load { source = MAP:format "SOCKHASH" .. [[
        SEC("sk_skb/stream_verdict") int redirect(struct __sk_buff *skb)
        {
          u32 key = 77;

          runs++;
          return bpf_sk_redirect_hash(skb, &sockets, &key, 0);
        }
      ]] }
      local link = kernel.attach(obj.programs.redirect, "sockmap:sockets:stream_verdict")
      assert(obj.maps.sockets:update(77, s.server2.fd))
      assert(obj.maps.sockets:update(5, s.server1.fd))
      s.client1:send "by key"
      expect.equal((s.client2:receive()), "by key")
      link:close()
      obj:close()
    end)
  end)
end)
