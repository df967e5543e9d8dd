--- XDP: every result code with its effect, on a veth pair; redirection by devmap and
--- cpumap.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

--- Our end is v0 (10.40.0.1); the other, v1 (10.40.0.2), is in a namespace of its own.
local function with_pair(fn)
  local other = "ebl-xdp-" .. support.pid
  support.sh("ip netns add " .. other)
  local ok, err = pcall(net.in_namespace, (([[
    ip link add v0 type veth peer name v1 netns NS
    ip addr add 10.40.0.1/24 dev v0
    ip link set v0 address 02:00:00:00:40:01 up
    ip -n NS addr add 10.40.0.2/24 dev v1
    ip -n NS link set v1 address 02:00:00:00:40:02 up
    ip -n NS link set lo up
    ip neigh add 10.40.0.2 lladdr 02:00:00:00:40:02 dev v0
    ip -n NS neigh add 10.40.0.1 lladdr 02:00:00:00:40:01 dev v1
  ]]):gsub("NS", other)), function()
    fn(function(command)
      local inside = "ip netns exec " .. other .. " bash -c "
      return support.sh(inside .. support.quote(command))
    end)
  end)
  support.sh("ip netns del " .. other)
  if not ok then error(err, 0) end
end

--- One UDP datagram from the other side to `port` here.
local function send(run, port)
  local result = run(("echo -n hello >/dev/udp/10.40.0.1/%d"):format(port))
  expect.equal({ result.code, result.err }, { 0, "" })
end

local PARSE = [[
  struct frame { struct ethhdr eth; struct iphdr ip; struct udphdr udp; }
    __attribute__((packed));
  struct program { union { int fd; u32 id; }; };
  struct port { u32 interface; struct program program; };
  struct cpu { u32 queue_size; struct program program; };
  static __always_inline struct frame *udp_to(struct xdp_md *ctx, u16 port)
  {
    struct frame *f = (void *)(long)ctx->data;

    if ((void *)(f + 1) > (void *)(long)ctx->data_end)
      return 0;
    if (f->eth.h_proto != htons(ETH_P_IP) || f->ip.protocol != IPPROTO_UDP)
      return 0;
    return f->udp.dest == htons(port) ? f : 0;
  }
]]

describe("xdp:INTERFACE:offload", function()
  it("is refused by a driver that cannot, and named", function()
    with_pair(function()
      local obj = bpf.load {
        source = [[SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }]] }
      kernel.try(obj.programs.pass.load, obj.programs.pass)
      local ok, err = pcall(obj.programs.pass.attach, obj.programs.pass, "xdp:lo:offload")
      expect.equal({ ok, err.code, err.hint }, { false, "not_supported", "use xdp:lo" })
      expect.equal(err.message,
                   "xdp:lo:offload: the driver of lo cannot run programs on the card")
      obj:close()
    end)
  end)
end)

describe("xdp", function()
  for _, mode in ipairs { "generic", "native" } do
    it(mode .. ": DROP, PASS and ABORTED, counted", function()
      with_pair(function(run)
        local obj = bpf.load { source = PARSE .. [[
          u64 dropped, passed, aborted, exceptions;
          SEC("xdp") int filter(struct xdp_md *ctx)
          {
            if (udp_to(ctx, 7001)) { dropped++; return XDP_DROP; }
            if (udp_to(ctx, 7002)) { aborted++; return XDP_ABORTED; }
            if (udp_to(ctx, 7003)) { passed++; return XDP_PASS; }
            return XDP_PASS;
          }
          SEC("tracepoint/xdp/xdp_exception")
          int exception(struct trace_event_raw_xdp_exception *ctx)
          {
            if (ctx->act == XDP_ABORTED)
              exceptions++;
            return 0;
          }
        ]] }
        kernel.attach(obj.programs.exception)
        local link = kernel.attach(obj.programs.filter, "xdp:v0:" .. mode)
        local servers = {}
        for port = 7001, 7003 do servers[port] = net.datagrams("10.40.0.1", port, 0.3) end
        for port = 7001, 7003 do send(run, port) end
        expect.equal((servers[7003]:receive()), "hello")
        expect.equal((servers[7001]:receive()), nil)
        expect.equal((servers[7002]:receive()), nil)
        local v = obj.variables
        expect.equal({ v.dropped, v.aborted, v.passed, v.exceptions }, { 1, 1, 1, 1 })
        link:close()
        send(run, 7001)
        expect.equal((servers[7001]:receive()), "hello")
        for _, server in pairs(servers) do server:close() end
        obj:close()
      end)
    end)
  end

  it("TX: answers by itself, with rewritten headers and checksums", function()
    with_pair(function(run)
      local obj = bpf.load { source = PARSE .. [[
        u64 sent;
        SEC("xdp") int answer(struct xdp_md *ctx)
        {
          struct frame *f = udp_to(ctx, 7007);
          unsigned char mac[6];
          u32 address, sum;
          u16 port;

          if (!f)
            return XDP_PASS;
          __builtin_memcpy(mac, f->eth.h_source, 6);
          __builtin_memcpy(f->eth.h_source, f->eth.h_dest, 6);
          __builtin_memcpy(f->eth.h_dest, mac, 6);
          address = f->ip.saddr;
          f->ip.saddr = f->ip.daddr;
          f->ip.daddr = address;
          port = f->udp.source;
          f->udp.source = f->udp.dest;
          f->udp.dest = port;
          f->udp.check = 0;
          /* The time to live changes, so the sum of the header does. */
          sum = (u16)~f->ip.check;
          sum += (u16)~htons(f->ip.ttl << 8) + htons(9 << 8);
          f->ip.ttl = 9;
          sum = (sum & 0xffff) + (sum >> 16);
          sum = (sum & 0xffff) + (sum >> 16);
          f->ip.check = ~sum;
          sent++;
          return XDP_TX;
        }
        SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
      ]] }
      -- What a veth sends back goes to the other end's own XDP, where it has one.
      kernel.attach(obj.programs.answer, "xdp:v0:generic")
      local result = run [[
        exec 3<>/dev/udp/10.40.0.1/7007
        echo -n ping >&3
        timeout 2 head -c 4 <&3
      ]]
      expect.equal({ result.out, obj.variables.sent }, { "ping", 1 })
      obj:close()
    end)
  end)

  it("REDIRECT by devmap: out of another interface, with a program there", function()
    with_pair(function(run)
      support.sh "ip link add w0 type veth peer name w1"
      support.sh "ip link set w0 up; ip link set w1 up"
      local obj = bpf.load { source = PARSE .. [[
        struct {
          __uint(type, BPF_MAP_TYPE_DEVMAP);
          __uint(max_entries, 2);
          __type(key, u32);
          __type(value, struct port);
        } ports SEC(".maps");
        u64 redirected, in_map, arrived;
        SEC("xdp") int redirect(struct xdp_md *ctx)
        {
          if (!udp_to(ctx, 7001))
            return XDP_PASS;
          redirected++;
          return bpf_redirect_map(&ports, 1, XDP_DROP);
        }
        SEC("xdp/devmap") int leaving(struct xdp_md *ctx)
        {
          in_map++;
          return XDP_PASS;
        }
        SEC("xdp") int arriving(struct xdp_md *ctx)
        {
          if (udp_to(ctx, 7001))
            arrived++;
          return XDP_DROP;
        }
      ]] }
      local index = tonumber(support.sh("ip -o link show w0").out:match("^(%d+):"))
      kernel.attach(obj.programs.arriving, "xdp:w1:native")
      kernel.attach(obj.programs.redirect, "xdp:v0:native")
      local leaving = obj.programs.leaving
      obj.maps.ports[1] = { interface = index, program = { fd = leaving:fd() } }
      for _ = 1, 3 do send(run, 7001) end
      for _ = 1, 100 do
        if obj.variables.arrived == 3 then break end
        support.sleep(0.02)
      end
      local v = obj.variables
      expect.equal({ v.redirected, v.in_map, v.arrived }, { 3, 3, 3 })
      local value = obj.maps.ports[1]
      expect.equal({ value.interface, value.program.id }, { index, leaving:id() })
      obj:close()
    end)
  end)

  it("REDIRECT by cpumap: on to the stack, on another CPU", function()
    with_pair(function(run)
      local obj = bpf.load { source = PARSE .. [[
        struct {
          __uint(type, BPF_MAP_TYPE_CPUMAP);
          __uint(max_entries, 1);
          __type(key, u32);
          __type(value, struct cpu);
        } cpus SEC(".maps");
        u64 redirected, on_cpu;
        SEC("xdp") int redirect(struct xdp_md *ctx)
        {
          struct frame *f = udp_to(ctx, 7001);

          if (!f)
            return XDP_PASS;
          /* The sender left the sum to a device, and says so beside the frame only. */
          f->udp.check = 0;
          redirected++;
          return bpf_redirect_map(&cpus, 0, XDP_DROP);
        }
        SEC("xdp/cpumap") int there(struct xdp_md *ctx)
        {
          on_cpu++;
          return XDP_PASS;
        }
      ]] }
      kernel.attach(obj.programs.redirect, "xdp:v0:native")
      obj.maps.cpus[0] = { queue_size = 64, program = { fd = obj.programs.there:fd() } }
      local server = net.datagrams("10.40.0.1", 7001, 2)
      send(run, 7001)
      expect.equal((server:receive()), "hello")
      expect.equal({ obj.variables.redirected, obj.variables.on_cpu }, { 1, 1 })
      server:close()
      obj:close()
    end)
  end)
end)
