--- The examples of interfaces, sockets and control groups: each runs in a namespace of
--- its own, and does to real packets what it says.
local bpf = require "bpf"
local cgroup = require "cgroup"
local example = require "example"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect, skip = harness.describe, harness.it, harness.expect,
                                   harness.skip

-- v0 (10.77.0.1) is ours; v1 (10.77.0.2) is in the namespace $NS.
local function with_pair(fn)
  local other = "ebl-ex-" .. support.pid
  support.sh("ip netns add " .. other)
  -- Without addresses of their own making they send no packet that nobody asked for.
  local ok, err = pcall(net.in_namespace, (([[
    ip -batch - <<END
      link add v0 type veth peer name v1 netns NS
      addr add 10.77.0.1/24 dev v0
      link set v0 addrgenmode none address 02:00:00:00:77:01 up
      neigh add 10.77.0.2 lladdr 02:00:00:00:77:02 dev v0
END
    ip -n NS -batch - <<END
      addr add 10.77.0.2/24 dev v1
      link set v1 addrgenmode none address 02:00:00:00:77:02 up
      neigh add 10.77.0.1 lladdr 02:00:00:00:77:01 dev v1
END
  ]]):gsub("NS", other)), function()
    --- Sends `count` datagrams (1); $i in the text is which.
    fn(function(text, port, count, address)
      local inside = ("for i in {1..%d}; do echo -n %s >/dev/udp/%s/%d; done")
                     :format(count or 1, text, address or "10.77.0.1", port)
      support.sh(("ip netns exec %s bash -c %s"):format(other, support.quote(inside)))
    end, other)
  end)
  support.sh("ip netns del " .. other)
  if not ok then error(err, 0) end
end

local function udp(port)
  return ("echo -n hello >/dev/udp/127.0.0.1/%d"):format(port)
end

--- UDP of `text` to a port of this machine: does it arrive?
local function arrives(port, text)
  local server, client = net.datagrams("127.0.0.1", port, 0.25), net.socket(net.UDP)
  client:send(text or "hello", "127.0.0.1", port)
  local got = server:receive()
  server:close()
  client:close()
  return got ~= nil
end

describe("example", function()
  for _, way in ipairs { "ring", "perf" } do
    it("xdp_monitor shows addresses and ports through a " .. way .. " buffer", function()
      with_pair(function(send)
        example.with("xdp_monitor v0 " .. way, {}, function(tool)
          local server = net.datagrams("10.77.0.1", 7001, 0.5)
          send("hello", 7001)
          expect.equal((server:receive()), "hello")
          server:close()
          tool:wait_lines("^10%.77%.0%.2:%d+ %-> 10%.77%.0%.1:7001 "
                          .. "protocol 17 length 33$")
        end)
      end)
    end)
  end

  it("xdp_redirect sends packets on, past the stack", function()
    with_pair(function(send)
      support.sh "ip link add w0 type veth peer name w1; ip link set w0 up"
      support.sh "ip link set w1 up"
      local other = bpf.load { source = [[
        u64 arrived;
        SEC("xdp") int arrive(struct xdp_md *ctx) { arrived++; return XDP_DROP; }
      ]] }
      other.programs.arrive:attach "xdp:w1:native"
      example.with("xdp_redirect v0 w0", {}, function(tool)
        local server = net.datagrams("10.77.0.1", 7001, 0.3)
        send("hello", 7001, 3)
        expect.equal((server:receive()), nil)
        server:close()
        tool:wait_lines(function(line)
          local entered, left = line:match "^entered (%d+), left (%d+)$"
          return entered and tonumber(entered) >= 3 and entered == left
        end)
        expect.truthy(support.eventually(function()
        return other.variables.arrived >= 3
      end), "arrival at the other end")
      end)
      other:close()
    end)
  end)

  it("xdp_wire joins two interfaces", function()
    with_pair(function(send, other)
      support.sh(([[
        ip link add w0 type veth peer name w1
        ip link set w0 up
        ip link set w1 address 02:00:00:00:77:03 up
        ip addr add 10.77.0.3/32 dev w1
        ip -n %s neigh add 10.77.0.3 lladdr 02:00:00:00:77:03 dev v1
      ]]):format(other))
      local server = net.datagrams("10.77.0.3", 7001)
      example.with("xdp_wire v0 w0", {}, function(tool)
        send("hello", 7001, 1, "10.77.0.3")
        expect.equal((server:receive()), "hello")
        tool:wait_lines "^[1-9]%d* there, %d+ back$"
      end)
      server:close()
    end)
  end)

  it("xdp_cpumap has another CPU do the stack's work", function()
    with_pair(function(send)
      example.with("xdp_cpumap v0 0", {}, function(tool)
        send("hello", 7001, 3)
        tool:wait_lines(function(line)
          local sent, arrived = line:match "^sent (%d+), arrived (%d+), elsewhere 0$"
          return sent and tonumber(sent) >= 3 and sent == arrived
        end)
      end)
    end)
  end)

  it("xdp_socket receives whole frames", function()
    with_pair(function(send)
      example.with("xdp_socket v0 7001", {}, function(tool)
        send("frame$i", 7001, 50)
        tool:wait_lines "^49 bytes: frame50$"
        send("frame$((50 + i))", 7001, 50)   -- together more than it has memory for
        tool:wait_lines "^%d+ bytes: frame100$"
        expect.equal(#tool:wait_lines "^4[89] bytes: frame%d+$", 99)
        expect.equal(#tool:wait_lines "^%d+ bytes: frame%d+$", 100)
      end)
    end)
  end)

  it("tcx runs programs in the order that it asks for", function()
    net.in_namespace(nil, function()
      example.printed(example.watch("tcx lo 9999", udp(9999) .. ";" .. udp(9998),
                                    "seen [1-9][0-9]*, dropped [1-9]"),
                      "attached to tcx:lo:egress\n")
    end)
  end)

  it("netfilter drops a port", function()
    kernel.needs_section "netfilter"
    net.in_namespace(nil, function()
      example.with("netfilter 9999", {}, function(tool)
        expect.equal({ arrives(9999), arrives(9998) }, { false, true })
        tool:wait_lines "^1 dropped$"
      end)
    end)
  end)

  it("cgroup_skb counts by address, and closes a port", function()
    cgroup.with_network(function(path)
      example.with(("cgroup_skb %s 9999"):format(path), {}, function(tool)
        expect.equal({ arrives(9999), arrives(9998) }, { false, true })
        tool:wait_lines "^127%.0%.0%.1: 2 packets, 66 bytes, 1 refused$"
      end)
    end)
  end)

  it("cgroup_device refuses a device, and shows who tried", function()
    cgroup.with_network(function(path)
      example.with(("cgroup_device %s 1 5"):format(path), {}, function(tool)
        expect.truthy(not io.open "/dev/zero", "/dev/zero")
        assert(io.open "/dev/null"):close()
        tool:wait_lines(("^%d\tebpf%%-lua\t1:5 refused: read$"):format(support.pid))
      end)
      assert(io.open "/dev/zero"):close()
    end)
  end)

  it("cgroup_sysctl refuses one value and changes another", function()
    cgroup.with_network(function(path)
      local file = "/proc/sys/net/ipv4/ip_default_ttl"
      local function set(value)
        return support.sh(("echo %s >%s && cat %s"):format(value, file, file)).out
      end
      example.with(("cgroup_sysctl %s ip_default_ttl"):format(path), {}, function(tool)
        expect.equal({ set(55), set(123), set(0) }, { "55\n", "", "64\n" })
        tool:wait_lines "^ip_default_ttl\t55\tallowed$"
        tool:wait_lines "^ip_default_ttl\t123\trefused$"
        tool:wait_lines "^ip_default_ttl\t0\tallowed$"
      end)
      expect.equal(set(123), "123\n")
    end)
  end)

  it("cgroup_sock refuses raw sockets and low ports", function()
    cgroup.with_network(function(path)
      example.with("cgroup_sock " .. path, {}, function(tool)
        local AF_INET, RAW, ICMP, EPERM = 2, 3, 1, 1
        expect.equal({ ffi.C.socket(AF_INET, RAW, ICMP), ffi.errno() }, { -1, EPERM })
        local socket = assert(net.socket(net.UDP))
        expect.equal({ socket:bind("127.0.0.1", 53) }, { nil, EPERM })
        socket:close()
        socket = assert(net.socket(net.UDP)) -- before 5.17 the other one keeps the port
        expect.truthy(socket:bind("127.0.0.1", 7053))
        socket:close()
        tool:wait_lines "^refused: 1 raw, 1 ports; closed 2$"
      end)
    end)
  end)

  it("cgroup_sockopt lowers a priority and hides it", function()
    cgroup.with_network(function(path)
      local socket, priority = net.socket(net.UDP), 12
      example.with("cgroup_sockopt " .. path, {}, function(tool)
        expect.truthy(socket:set(net.SOL_SOCKET, priority, 6))
        expect.equal(socket:get(net.SOL_SOCKET, priority), 6)
        tool:wait_lines "^lowered 1$"
      end)
      expect.equal(socket:get(net.SOL_SOCKET, priority), 3)
      socket:close()
    end)
  end)

  it("sock_ops tells how connections begin and end", function()
    cgroup.with_network(function(path)
      example.with("sock_ops " .. path, {}, function(tool)
        local listener = net.listener("127.0.0.1", 7001)
        local client = assert(net.client("127.0.0.1", 7001))
        local server = assert(listener:accept())
        tool:wait_lines "^connected to 127%.0%.0%.1:7001, round trip %d+ us$"
        tool:wait_lines "^accepted from 127%.0%.0%.1:%d+, round trip %d+ us$"
        client:close()
        server:close()
        listener:close()
        tool:wait_lines "^FIN_WAIT1 127%.0%.0%.1:7001"
        tool:wait_lines "^LAST_ACK 127%.0%.0%.1:%d+"
      end)
    end)
  end)

  it("sk_msg carries what is sent past TCP", function()
    cgroup.with_network(function(path)
      local listener = net.listener("127.0.0.1", 7001)
      example.with("sk_msg " .. path, {}, function(tool)
        local client = assert(net.client("127.0.0.1", 7001))
        local server = assert(listener:accept())
        client:send "hello"
        expect.equal(server:receive(), "hello")
        server:send "hello yourself"
        expect.equal(client:receive(), "hello yourself")
        tool:wait_lines "^2 messages, 19 bytes$"
        client:close()
        server:close()
      end)
      listener:close()
    end)
  end)

  it("socket_filter counts bytes by protocol", function()
    net.in_namespace(nil, function()
      example.with("socket_filter lo", {}, function(tool)
        expect.truthy(arrives(7001), "arrival")
        tool:wait_lines "^UDP\t94 bytes$"       -- out and in, 14 + 20 + 8 + 5 each
      end)
    end)
  end)

  it("sk_lookup gives one listener many ports", function()
    net.in_namespace(nil, function()
      example.with("sk_lookup 7000 7009", {}, function(tool)
        expect.equal({ net.client("127.0.0.1", 7010) }, { nil, 111 })
        for _, port in ipairs { 7000, 7009 } do
          assert(net.client("127.0.0.1", port)):close()
          tool:wait_lines("^connection to port " .. port .. "$")
        end
      end)
      expect.equal({ net.client("127.0.0.1", 7000) }, { nil, 111 })
    end)
  end)

  it("sockmap echoes in the kernel", function()
    net.in_namespace(nil, function()
      example.with("sockmap 7007", {}, function(tool)
        local client = assert(net.client("127.0.0.1", 7007, 20 * support.patience))
        tool:wait_lines "^connection from port %d+$"
        client:send "echo this"
        expect.equal((client:receive()), "echo this")
        tool:wait_lines "^9 bytes echoed$"
        client:close()
      end)
    end)
  end)

  it("sk_reuseport chooses a socket by what the message says", function()
    net.in_namespace(nil, function()
      example.with("sk_reuseport 7007", {}, function(tool)
        local client = net.socket(net.UDP)
        client:send("plain", "127.0.0.1", 7007)
        client:send("!fire", "127.0.0.1", 7007)
        tool:wait_lines "^ordinary: plain$"
        tool:wait_lines "^urgent: !fire$"
        client:close()
      end)
    end)
  end)

  it("seg6local sees the packets of its segment, and drops a port", function()
    local sender = "ebl-seg6-ex-" .. support.pid
    support.sh("ip netns add " .. sender)
    local ok, err = pcall(net.in_namespace, ([[
      ip link add v0 type veth peer name v1 netns NS
      ip -6 addr add fd00::1/64 dev v0 nodad
      ip link set v0 up
      sysctl -qw net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.v0.seg6_enabled=1
      sysctl -qw net.ipv6.conf.all.forwarding=1
      ip -n NS -6 addr add fd00::2/64 dev v1 nodad
      ip -n NS link set v1 up
      ip -n NS -6 route add fc00::99 via fd00::1
      ip -n NS -6 route add fd01::/64 encap seg6 mode inline segs fc00::99 dev v1
    ]]):gsub("NS", sender), function()
      example.with("seg6local fc00::99/128 v0 7013", {}, function(tool)
        for _, port in ipairs { 7012, 7013 } do
          local send = ("echo hello >/dev/udp/fd01::7/%d"):format(port)
          support.sh(("ip netns exec %s bash -c %s"):format(sender, support.quote(send)))
        end
        tool:wait_lines "^fd00::2: port 7012, 0 segments left$"
        tool:wait_lines "^fd00::2: port 7013, 0 segments left, dropped$"
      end)
      local left = support.sh("ip -6 route").out
      expect.truthy(not left:find "fc00::99", "the route has gone")
    end)
    support.sh("ip netns del " .. sender)
    if not ok then error(err, 0) end
  end)

  it("netkit counts both ways of a pair, and keeps a port out", function()
    net.in_namespace(nil, function()
      -- A name that the kernel does not give to the peer.
      local made = support.sh "ip link add ebl0 type netkit"
      if made.code ~= 0 then skip("no netkit: " .. made.err:match "[^\n]*") end
      net.netkit_up "ebl0"
      example.with("netkit ebl0 7013", {}, function(tool)
        local client = net.socket(net.UDP, 6)
        local line
        expect.truthy(support.eventually(function()
          for _, port in ipairs { 7012, 7013 } do
            client:send("x", net.THROUGH_PRIMARY, port)
            client:send("x", net.THROUGH_PEER, port)
          end
          line = tool:wait_lines "^%d+ for the peer, %d+ from it, %d+ kept out$"[1]
          local counts = { line:match "^(%d+) for the peer, (%d+) from it, (%d+)" }
          return tonumber(counts[1]) > tonumber(counts[3]) and tonumber(counts[3]) > 0
            and tonumber(counts[2]) > 0
        end), line)
        client:close()
      end)
    end)
  end)

  it("struct_ops keeps a connection's window as it is", function()
    net.in_namespace(nil, function()
      example.with("struct_ops 4", {}, function(tool)
        local listener = net.listener("127.0.0.1", 7007)
        local client = net.socket(net.TCP)
        local name = ffi.new("char[16]", "steady")
        assert(support.eventually(function() return client:set(6, 13, name) end))
        assert(client:connect("127.0.0.1", 7007))
        local server = assert(listener:accept())
        for i = 1, 20 do
          client:send(("message %02d"):format(i))
          expect.equal((server:receive()), ("message %02d"):format(i))
        end
        for _, socket in ipairs { server, client, listener } do socket:close() end
        local line = tool:wait_lines "^port 7007: %d+ segments in %d+ acks$"[1]
        expect.truthy(tonumber(line:match "(%d+) segments") >= 10, line)
      end)
    end)
  end)

  it("flow_dissector makes one flow of a port", function()
    net.in_namespace(nil, function()
      example.with("flow_dissector lo 9999", {}, function(tool)
        local flows = {}
        for _, port in ipairs { 9999, 9998 } do
          for _ = 1, 2 do arrives(port) end
          local lines = tool:wait_lines(("^port %d from %%d+: flow"):format(port), 2)
          flows[port] = { lines[1]:match "(%x+)$", lines[2]:match "(%x+)$" }
        end
        expect.equal(flows[9999][1], flows[9999][2])
        expect.truthy(flows[9998][1] ~= flows[9998][2], "two flows")
      end)
    end)
  end)

  it("lwt counts and drops what takes its route", function()
    net.in_namespace([[
      ip link add v0 type veth peer name v1
      ip addr add 10.20.0.1/24 dev v0
      ip link set v0 up; ip link set v1 up
    ]], function()
      example.with("lwt 10.9.0.0/16 v0 10.20.0.9", {}, function(tool)
        local client = net.socket(net.UDP)
        for _ = 1, 3 do client:send("hello", "10.9.1.2", 7001) end
        client:send("hello", "10.9.1.13", 7001)
        tool:wait_lines "^10%.9%.1%.2: 3 packets$"
        tool:wait_lines "^10%.9%.1%.13: 1 packets$"
        client:close()
      end)
      expect.truthy(not support.sh("ip route").out:find "10%.9%.", "the route has gone")
    end)
  end)
end)
