-- netmon: every column, filter and form of output, against packets between network
-- namespaces that the spec makes: v0 in A, its peer v1 in B; C has an interface with v0's
-- number.
local bpf = require "bpf"
local support = require "support"
local tools = require "tool"

local A, B, C = "ebl-a-" .. support.pid, "ebl-b-" .. support.pid, "ebl-c-" .. support.pid
local HEADER = "DIR IFACE  PROTO SOURCE              DESTINATION           LEN PID    "
  .. "COMM"
local DROPS_HEADER = HEADER:gsub("^DIR", "DIR ") .. "            REASON"

local SET_UP = ([[
set -e
ip netns add A; ip netns add B; ip netns add C
ip -n A -batch - <<END
link set lo up
link add v0 index 77 type veth peer name v1
link set v1 netns B
link set v0 address 02:00:00:00:00:01
link set v0 addrgenmode none up
END
ip -n B -batch - <<END
link set lo up
link set v1 address 02:00:00:00:00:02
link set v1 addrgenmode none up
address add 10.99.1.2/24 dev v1
address add fd99::2/64 dev v1 nodad
neighbor add 10.99.1.1 lladdr 02:00:00:00:00:01 dev v1
neighbor add fd99::1 lladdr 02:00:00:00:00:01 dev v1
END
# Known neighbors: a packet that waits for an answer is sent by an interrupt. The last is
# an address that nobody has: packets to it are not answered.
ip -n A -batch - <<END
address add 10.99.1.1/24 dev v0
address add fd99::1/64 dev v0 nodad
neighbor add 10.99.1.2 lladdr 02:00:00:00:00:02 dev v0
neighbor add fd99::2 lladdr 02:00:00:00:00:02 dev v0
neighbor add 10.99.1.3 lladdr 02:00:00:00:00:02 dev v0
END
ip -n C -batch - <<END
link set lo up
link add w0 index 77 type veth peer name w1
link set w0 addrgenmode none up
link set w1 addrgenmode none up
address add 10.99.1.1/24 dev w0
neighbor add 10.99.1.3 lladdr 02:00:00:00:00:09 dev w0
END
]]):gsub("%f[%w][ABC]%f[%W]", { A = A, B = B, C = C })

--- Runs `fn` with the namespaces; they are removed in any case.
local function in_namespaces(fn)
  local made = support.sh(SET_UP)
  local ok, err = true, nil
  if made.code == 0 then ok, err = pcall(fn) end
  support.sh(("for n in %s %s %s; do ip netns del $n; done"):format(A, B, C))
  if made.code ~= 0 then skip("no namespaces with veth pairs: " .. made.err) end
  if not ok then error(err, 0) end
end

--- Runs actor.lua in a namespace; its process id and what it printed.
local function act(namespace, words)
  local result = support.sh(("ip netns exec %s %s"):format(namespace, tools.actor(words)))
  local pid, rest = result.out:match("^(%d+) %d+\n(.*)$")
  assert(result.code == 0 and pid, result.out .. result.err)
  return tonumber(pid), rest
end

local function watch(arguments, namespace, fn, options)
  options = options or {}
  options.netns = namespace
  tools.with("netmon", arguments, options, fn)
end

local function row(dir, iface, proto, source, destination, length, pid)
  return ("%-3s %-6s %-5s %-19s %-19s %5d %-6s %s"):format(dir, iface, proto, source,
    destination, length, pid or "-", pid and "ebpf-lua" or "-")
end

local function count(lines, text)
  local found = 0
  for _, line in ipairs(lines) do
    if line:find(text, 1, true) then found = found + 1 end
  end
  return found
end

--- What netmon says to a filter that it has taken.
local function wait_for_answer(tool, filter)
  tools.wait_for("the filter " .. filter, function()
    return tool:err():find((", %s\n"):format(filter), 1, true)
  end)
end

describe("netmon", function()
  tools.common_tests("netmon", {
    all = { "-i <NAME>", "--src <ADDRESS>", "--dst <ADDRESS>", "--proto <PROTOCOL>",
            "--port <PORT>", "--drops", "--pcap <FILE>", "--interactive", "-T",
            "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["--iface nolan0"] = "no interface 'nolan0'",
      ["--src 10.0.0.300"] = "'10.0.0.300' is no IP address or prefix",
      ["--dst 10.0.0.0/33"] = "'10.0.0.0/33' is no IP address or prefix",
      ["--dst fd99::/129"] = "'fd99::/129' is no IP address or prefix",
      ["--proto nothing"] = "'nothing' is no protocol",
      ["--proto 256"] = "'256' is no protocol",
      ["--port 0"] = "'0' is no port", ["--port 65536"] = "'65536' is no port",
      ["--pcap x --drops"] = "--pcap and --drops exclude each other",
      ["extra"] = "too many arguments",
    },
  })

  it("shows each of 1,000 packets of its interface once, and none of others", function()
    in_namespaces(function()
      for namespace, device in pairs { [A] = "v0", [B] = "v1" } do -- no reports of groups
        local file = ("/proc/sys/net/ipv6/conf/%s/disable_ipv6"):format(device)
        support.sh(("ip netns exec %s sh -c 'echo 1 >%s'"):format(namespace, file))
      end
      watch("--iface v0", A, function(tool)
        expect.equal(tool:lines()[1], HEADER)
        watch("--iface w0", C, function(same_number)
          watch("--iface lo", A, function(loopback)
            watch("--iface v1", B, function(peer)
              act(C, "udp 10.99.1.1 40001 10.99.1.3 30000 10 1300 50") -- same number
              act(B, "udp 127.0.0.1 40002 127.0.0.1 30000 1 1300 5")
              act(A, "udp 127.0.0.1 40003 127.0.0.1 30000 1 1300 5") -- lo
              local pid = act(A, "udp 10.99.1.1 40000 10.99.1.3 20000 10 100 1000")
              local lines = tool:wait_lines(":40000 ", 1000)
              expect.equal(#tool:lines(), 1001)
              local expected, seen = {}, {}
              for i = 0, 999 do
                expected[row("TX", "v0", "UDP", "10.99.1.1:40000",
                             "10.99.1.3:" .. 20000 + i % 10, 128 + i, pid)] = true
              end
              for _, line in ipairs(lines) do
                expect.truthy(expected[line] and not seen[line], line)
                seen[line] = true
              end
              -- The peer receives them; nothing else sees them.
              local received = peer:wait_lines(":40000 ", 1000)
              expect.equal(count(received, "RX  v1 "), 1000)
              expect.equal(#received, 1000)
              same_number:wait_lines("TX  w0 .*:40001 ", 50)
              expect.equal(count(same_number:lines(), ":40000 "), 0)
              loopback:wait_lines("RX  lo .*:40003 ", 5)
              expect.equal(count(loopback:lines(), ":40000 "), 0)
              for _, one in ipairs { tool, same_number, loopback, peer } do
                expect.equal(one:stop(), 0)
                expect.equal(one:err(), "")
              end
            end)
          end)
        end)
      end)
    end)
  end)

  it("knows IPv4, IPv6, UDP, TCP, ICMP and fragments", function()
    in_namespaces(function()
      watch("--iface v0", A, function(tool)
        local pid = act(A, "icmp 10.99.1.1 10.99.1.2 40")
        -- By its row: the kernel's own packets, reports of groups too, come between.
        tool:wait_lines("^RX .*ICMP +10%.99%.1%.2 ")
        expect.equal(count(tool:lines(), row("TX", "v0", "ICMP", "10.99.1.1", "10.99.1.2",
                                             60, pid)), 1)
        expect.equal(count(tool:lines(), row("RX", "v0", "ICMP", "10.99.1.2", "10.99.1.1",
                                             60)), 1)
        pid = act(A, "icmp fd99::1 fd99::2 40")
        tool:wait_lines("^RX .*ICMP6 fd99::2 .* 80 ")
        expect.equal(count(tool:lines(), row("TX", "v0", "ICMP6", "fd99::1", "fd99::2",
                                             80, pid)), 1)
        pid = act(A, "udp fd99::1 4000 fd99::2 5000 1 10 1")
        tool:wait_lines("^RX .*ICMP6 .* 106 ")
        expect.equal(count(tool:lines(), row("TX", "v0", "UDP", "[fd99::1]:4000",
                                             "[fd99::2]:5000", 58, pid)), 1)
        support.sh(("ip netns exec %s bash -c 'echo >/dev/tcp/10.99.1.2/81'"):format(A))
        local answer = tool:wait_lines("^RX .*TCP")[1]
        local port = answer:match("10%.99%.1%.1:(%d+)")
        local syn = tool:wait_lines("^TX .*TCP")[1]
        local ours, bash = "10.99.1.1:" .. port, syn:match("(%d+) +bash$")
        expect.equal(syn:gsub("bash", "ebpf-lua"),
                     row("TX", "v0", "TCP", ours, "10.99.1.2:81", 60, bash))
        expect.equal(answer:gsub("bash", "ebpf-lua"),
                     row("RX", "v0", "TCP", "10.99.1.2:81", ours, 40, bash))
        pid = act(A, "udp 10.99.1.1 4001 10.99.1.3 5000 1 3000 1")
        expect.equal(tool:wait_lines("10%.99%.1%.3", 3), {
          row("TX", "v0", "UDP", "10.99.1.1:4001", "10.99.1.3:5000", 1500, pid),
          row("TX", "v0", "UDP", "10.99.1.1", "10.99.1.3", 1500, pid),
          row("TX", "v0", "UDP", "10.99.1.1", "10.99.1.3", 68, pid),
        })
        pid = act(A, "udp fd99::1 4002 fd99::2 5000 1 3000 1")
        tool:wait_lines("UDP .* 160 ")
        local parts = {}
        for _, line in ipairs(tool:lines()) do
          if line:find("^TX .* " .. pid .. " ") then parts[#parts + 1] = line end
        end
        expect.equal(parts, {
          row("TX", "v0", "UDP", "[fd99::1]:4002", "[fd99::2]:5000", 1496, pid),
          row("TX", "v0", "UDP", "fd99::1", "fd99::2", 1496, pid),
          row("TX", "v0", "UDP", "fd99::1", "fd99::2", 160, pid),
        })
      end)
    end)
  end)

  it("shows the receiver that has sent from its port before", function()
    in_namespaces(function()
      watch("--iface v1 --proto udp", B, function(tool)
        act(A, "udp 10.99.1.1 6666 10.99.1.2 5555 1 10 1")
        expect.equal(tool:wait_lines("^RX"),
          { row("RX", "v1", "UDP", "10.99.1.1:6666", "10.99.1.2:5555", 38) })
        local pid = act(B, "udp 10.99.1.2 5555 10.99.1.1 6666 1 11 1")
        expect.equal(tool:wait_lines("^TX"),
          { row("TX", "v1", "UDP", "10.99.1.2:5555", "10.99.1.1:6666", 39, pid) })
        act(A, "udp 10.99.1.1 6666 10.99.1.2 5555 1 12 1")
        expect.equal(tool:wait_lines("^RX", 2)[2],
          row("RX", "v1", "UDP", "10.99.1.1:6666", "10.99.1.2:5555", 40, pid))
      end)
    end)
  end)

  it("sees packets behind a VLAN tag", function()
    in_namespaces(function()
      local made = support.sh((
        "ip -n A link add link v0 name v0.10 type vlan id 10 && " ..
        "ip -n B link add link v1 name v1.10 type vlan id 10 && " ..
        "ip -n A address add 10.99.2.1/24 dev v0.10 && ip -n A link set v0.10 up && " ..
        "ip -n B link set v1.10 up && " ..
        "ip -n A neighbor add 10.99.2.2 lladdr 02:00:00:00:00:02 dev v0.10")
        :gsub("%f[%w][AB]%f[%W]", { A = A, B = B }))
      if made.code ~= 0 then skip("no VLANs: " .. made.err) end
      watch("--proto udp", B, function(tool)
        local pid = act(A, "udp 10.99.2.1 4000 10.99.2.2 5000 1 10 1")
        local function sent(device)
          return row("TX", device, "UDP", "10.99.2.1:4000", "10.99.2.2:5000", 38, pid)
        end
        tool:wait_lines("^RX  v1 .*10%.99%.2%.1")
        local lines = tool:lines()
        expect.equal(count(lines, sent "v0.10"), 1)
        expect.equal(count(lines, sent "v0"), 1)
        expect.equal(count(lines, "RX  v1 "), 1)
      end)
    end)
  end)

  it("filters by address, prefix, protocol and port in the kernel", function()
    in_namespaces(function()
      local function shown(arguments, wanted)
        watch("--iface v0 " .. arguments, A, function(tool)
          act(A, "udp 10.99.1.1 4000 10.99.1.2 5000 1 10 1") -- answered by ICMP
          act(A, "udp fd99::1 4000 fd99::2 5000 1 11 1")
          act(A, "udp 10.99.1.1 4001 10.99.1.3 5000 1 12 1")
          act(A, "udp 10.99.1.1 5000 10.99.1.3 4002 1 13 1")
          support.sh(("ip netns exec %s bash -c 'echo >/dev/tcp/10.99.1.2/5000'")
                     :format(A))
          act(A, "icmp 10.99.1.1 10.99.1.2 40")
          tool:wait_lines("%d", #wanted)
          support.sleep(0.2)
          local got = {}
          for i, line in ipairs(tool:lines()) do
            local dir, proto, length = line:match("^(%S+) +v0 +(%S+) .* (%d+) %S+ +%S+$")
            if i > 1 then got[i - 1] = ("%s %s %s"):format(dir, proto, length) end
          end
          expect.equal(table.concat(got, ", "), table.concat(wanted, ", "))
        end)
      end
      shown("--port 4001", { "TX UDP 40" })
      shown("--port 5000 --proto udp",
            { "TX UDP 38", "TX UDP 59", "TX UDP 40", "TX UDP 41" })
      shown("--proto tcp", { "TX TCP 60", "RX TCP 40" })
      shown("--proto 1", { "RX ICMP 66", "TX ICMP 60", "RX ICMP 60" })
      shown("--src 10.99.1.2", { "RX ICMP 66", "RX TCP 40", "RX ICMP 60" })
      shown("--dst 10.99.1.3", { "TX UDP 40", "TX UDP 41" })
      shown("--src fd00::/8 --proto udp", { "TX UDP 59" })
      shown("--src 10.99.1.0/30 --dst 10.99.1.3/32 --port 4002", { "TX UDP 41" })
    end)
  end)

  it("takes a new filter at once", function()
    in_namespaces(function()
      watch("--interactive --iface v0 --proto udp", A, function(tool)
        local both = "udp 10.99.1.1 4000 10.99.1.3 5000 2 %d 10" -- 5000 and 5001 in turn
        act(A, both:format(100))
        tool:wait_lines(" v0 ", 10)
        tool:type("port 5001")
        wait_for_answer(tool, "port 5001")
        act(A, both:format(200))
        tool:wait_lines(":5001 ", 10)
        tool:type("port any")
        tool:type("dst 10.99.1.3")
        tool:type("proto any")
        wait_for_answer(tool, "dst 10.99.1.3")
        act(A, both:format(300))
        tool:wait_lines(":5000 ", 10)
        tool:type("clear")
        tool:type("port high")
        tool:type("nonsense")
        tools.wait_for("an answer", function()
          return tool:err():find("type one of", 1, true)
        end)
        local lengths = {}
        for _, line in ipairs(tool:lines()) do
          lengths[#lengths + 1] = line:match(":500[01] +(%d+) ")
        end
        local wanted = {}
        for i = 0, 9 do wanted[#wanted + 1] = tostring(128 + i) end
        for i = 1, 9, 2 do wanted[#wanted + 1] = tostring(228 + i) end
        for i = 0, 9 do wanted[#wanted + 1] = tostring(328 + i) end
        expect.equal(table.concat(lengths, " "), table.concat(wanted, " "))
        expect.equal(tool:err(), "filter: iface v0, proto udp, port 5001\n"
          .. "filter: iface v0, proto udp\nfilter: iface v0, dst 10.99.1.3, proto udp\n"
          .. "filter: iface v0, dst 10.99.1.3\n"
          .. "filter: none\nnetmon: 'high' is no port\n"
          .. "netmon: type one of: iface NAME, src ADDRESS, dst ADDRESS, proto NAME, "
          .. "port NUMBER (or any), clear\n")
      end, { input = true })
    end)
  end)

  it("shows drops with reason and stack", function()
    in_namespaces(function()
      watch("--drops --iface v1 --port 9", B, function(tool)
        expect.equal(tool:lines()[1], DROPS_HEADER)
        act(A, "udp 10.99.1.1 4000 10.99.1.2 9 1 10 1")
        local line = tool:wait_lines("^DROP")[1]
        local known = pcall(function() return bpf.enum.SKB_DROP_REASON_NO_SOCKET end)
        expect.equal(line, ("%-4s %-6s %-5s %-19s %-19s %5d %-6s %-15s %s"):format("DROP",
          "v1", "UDP", "10.99.1.1:4000", "10.99.1.2:9", 38, "-", "-",
          known and "NO_SOCKET" or "-"))
        tool:wait_lines("^    ip_protocol_deliver_rcu%+0x")
        expect.equal(count(tool:lines(), "RX   v1 "), 1)
      end)
      watch("--drops --json --iface v1 --proto udp", B, function(tool)
        act(A, "udp fd99::1 4000 fd99::2 9 1 10 1")
        local line = tool:wait_lines('"dir":"DROP".*fd99::1')[1]
        local known = pcall(function() return bpf.enum.SKB_DROP_REASON_NO_SOCKET end)
        local start, frames = line:match('^(.*"stack":)%[(.*)%]}$')
        expect.equal(start, '{"dir":"DROP","iface":"v1","proto":"UDP","saddr":"fd99::1",'
          .. '"sport":4000,"daddr":"fd99::2","dport":9,"len":58,"pid":null,"comm":null,'
          .. '"reason":' .. (known and '"NO_SOCKET"' or "null") .. ',"stack":')
        expect.truthy(frames:find('"ip6_protocol_deliver_rcu+0x', 1, true), frames)
      end, { warm_up = ("ip netns exec %s %s"):format(A,
             tools.actor("udp 10.99.1.1 1 10.99.1.3 1 1 1 1")) })
    end)
  end)

  tools.it_on_host("gives JSON, CSV and the time", function()
    in_namespaces(function()
      watch("--json --iface v0", A, function(tool)
        local pid = act(A, "udp 10.99.1.1 4000 10.99.1.3 5000 1 10 1")
        expect.equal(tool:wait_lines('"sport":4000')[1],
          ('{"dir":"TX","iface":"v0","proto":"UDP","saddr":"10.99.1.1","sport":4000,'
           .. '"daddr":"10.99.1.3","dport":5000,"len":38,"pid":%d,"comm":"ebpf-lua"}')
          :format(pid))
        pid = act(A, "icmp 10.99.1.1 10.99.1.3 20")
        expect.equal(tool:wait_lines('"proto":"ICMP"')[1],
          ('{"dir":"TX","iface":"v0","proto":"ICMP","saddr":"10.99.1.1","sport":null,'
           .. '"daddr":"10.99.1.3","dport":null,"len":40,"pid":%d,"comm":"ebpf-lua"}')
          :format(pid))
      end, { warm_up = ("ip netns exec %s %s"):format(A,
             tools.actor("udp 10.99.1.1 1 10.99.1.3 1 1 1 1")) })
      local before = os.time()
      watch("--csv -T --iface v0", A, function(tool)
        expect.equal(tool:lines()[1],
                     "time,dir,iface,proto,saddr,sport,daddr,dport,len,pid,comm")
        local pid = act(A, "udp 10.99.1.1 4000 10.99.1.3 5000 1 10 1")
        local time, rest = tool:wait_lines(",4000,")[1]:match("^([%d:]+),(.*)$")
        expect.truthy(tools.clock_since(before)[time], time)
        expect.equal(rest, ("TX,v0,UDP,10.99.1.1,4000,10.99.1.3,5000,38,%d,ebpf-lua")
                           :format(pid))
      end)
    end)
  end)

  it("writes pcapng with the process of each packet", function()
    if support.sh("tshark --version").code ~= 0 then skip "no tshark to read it back" end
    local path = os.tmpname()
    in_namespaces(function()
      local before = os.time()
      local pid, ended
      watch("--iface v0 --pcap " .. path, A, function(tool)
        pid = act(A, "udp 10.99.1.1 4000 10.99.1.3 5000 3 10 6") -- ports 5000 to 5002
        act(A, "udp fd99::1 4000 fd99::2 9 1 3000 1")            -- fragments
        act(A, "icmp 10.99.1.1 10.99.1.2 40")
        support.sleep(0.2)
        expect.equal(tool:stop(), 0)
        ended = tool:err():match "netmon: (%d+) packets\n$"
      end, { banner = "writing packets" })
      local function fields(filter, ...)
        local result = support.sh(("tshark -r %s -Y %s -T fields -E separator=, -e %s")
          :format(path, support.quote(filter), table.concat({ ... }, " -e ")))
        expect.equal(result.code, 0)
        local lines = {}
        for line in result.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
        return lines
      end
      expect.equal(#fields("frame", "frame.number"), tonumber(ended))
      local udp = fields("udp.srcport == 4000 && ip", "frame.interface_name", "ip.src",
                         "ip.dst", "udp.dstport", "frame.len", "frame.cap_len",
                         "frame.comment", "frame.packet_flags")
      for i, line in ipairs(udp) do
        local length = 28 + 10 + i - 1
        expect.equal(line, ("v0,10.99.1.1,10.99.1.3,%d,%d,%d,ebpf-lua (%d),0x00000002")
          :format(5000 + (i - 1) % 3, length, length, pid))
      end
      expect.equal(#udp, 6)
      local sent = fields("ipv6.fraghdr && ipv6.src == fd99::1", "frame.len",
                          "frame.cap_len", "frame.comment")
      expect.equal(#sent, 3)
      expect.truthy(sent[1]:find "^1496,1496,ebpf%-lua %(%d+%)$", sent[1])
      local echo = fields("icmp.type == 0", "ip.src", "frame.len", "frame.packet_flags")
      expect.equal(echo, { "10.99.1.2,60,0x00000001" })
      for _, time in ipairs(fields("frame", "frame.time_epoch")) do
        expect.truthy(tonumber(time) >= before and tonumber(time) <= os.time() + 1, time)
      end
    end)
    os.remove(path)
  end)

  tools.it_on_host("says how many events were lost", function()
    in_namespaces(function()
      watch("--iface v0 --proto udp", A, function(tool)
        tool:signal("STOP")
        act(A, "udp 10.99.1.1 4000 10.99.1.3 5000 1 1 60000")
        tool:signal("CONT")
        expect.equal(tool:stop(), 0)
        local lost = tool:err():match("ebpf%-lua: lost: events (%d+) %(on_send%)\n$")
        expect.truthy(lost, tool:err())
        expect.equal(#tool:lines() - 1 + lost, 60000)
      end)
    end)
  end)
end)
