-- tcpconnect: every column, flag and form of output, against the spec's connects.
local net = require "net"
local support = require "support"
local tools = require "tool"

local HEADER = "PID     COMM         IP SADDR            DADDR            DPORT"
local OTHER_UID = 4242
local LOCAL = { [4] = "127.0.0.1", [6] = "::1" }

local function row(pid, family, port)
  return ("%-7d %-12s %-2d %-16s %-16s %d"):format(pid, "ebpf-lua", family,
                                                     LOCAL[family], LOCAL[family], port)
end

--- Calls `fn(ports)` in a network namespace with a listener on each family's address.
local function with_listeners(fn)
  net.in_namespace(nil, function()
    local four, six = assert(net.listener(LOCAL[4], 0)), assert(net.listener(LOCAL[6], 0))
    fn({ [4] = select(2, four:name()), [6] = select(2, six:name()) })
    four:close()
    six:close()
  end)
end

--- Connects in a process of its own; its id and its port, or -errno.
local function connect(family, port, uid)
  local pid, _, results =
    tools.act(("tcp %d %s %d 0 0"):format(uid or 0, LOCAL[family], port))
  return pid, results[1]
end

describe("tcpconnect", function()
  tools.common_tests("tcpconnect", {
    all = { "-T", "-t", "-p <PID>", "-P <PORTS>", "-4", "-6", "-L", "-U", "-u <UID>",
            "-c", "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-P 80,http"] = "'80,http' is no port", ["-P 0"] = "'0' is no port",
      ["-u nobody-here"] = "no user 'nobody-here'", ["extra"] = "too many arguments",
    },
  })

  it("shows process, command, addresses and port of IPv4 and IPv6", function()
    with_listeners(function(ports)
      tools.with("tcpconnect", "", {}, function(tool)
        expect.equal(tool:lines()[1], HEADER)
        for family, port in pairs(ports) do
          local pid = connect(family, port)
          expect.equal(tool:rows_of(pid), { row(pid, family, port) })
        end
        local pid, result = connect(4, 1)
        expect.equal(result, -111)
        expect.equal(tool:rows_of(pid), { row(pid, 4, 1) })
      end)
    end)
  end)

  tools.it_on_host("shows the local port, user, seconds and time of day", function()
    with_listeners(function(ports)
      local before = os.time()
      tools.with("tcpconnect", "-L -U -t -T", {}, function(tool)
        expect.equal(tool:lines()[1], "TIME     TIME(s)   UID    PID     COMM         IP "
          .. "SADDR            LPORT  DADDR            DPORT")
        for _, family in ipairs { 4, 6 } do
          local pid, own = connect(family, ports[family], OTHER_UID)
          local time, seconds, rest =
            tool:rows_of(pid)[1]:match("^(%S+) (%S+) +(4242 .*)$")
          expect.truthy(tools.clock_since(before)[time], time)
          expect.truthy(tonumber(seconds) <= os.time() - before + 1, seconds)
          expect.equal(rest, ("%-6d %-7d %-12s %d  %-16s %-6d %-16s %d"):format(
            OTHER_UID, pid, "ebpf-lua", family, LOCAL[family], own, LOCAL[family],
            ports[family]))
        end
      end)
    end)
  end)

  it("filters by family, port, user and process", function()
    with_listeners(function(ports)
      local function seen_with(arguments, wanted)
        tools.with("tcpconnect", arguments, {}, function(tool)
          local pids = { connect(6, ports[6]), connect(4, 1), connect(4, 2, OTHER_UID),
                         (connect(4, ports[4])) }
          local client = net.client(LOCAL[4], ports[4])
          client:close()
          pids[5] = support.pid
          local last = pids[wanted[#wanted]]
          tool:rows_of(last)
          local seen = {}
          for i, pid in ipairs(pids) do
            if tool:out():find("\n" .. pid .. " ") then seen[#seen + 1] = i end
          end
          expect.equal(seen, wanted)
        end)
      end
      seen_with("-4", { 2, 3, 4, 5 })
      seen_with("-6", { 1 })
      seen_with("-P 1," .. ports[4], { 2, 4, 5 })
      seen_with("-u " .. OTHER_UID, { 3 })
      seen_with("-p " .. support.pid, { 5 })
    end)
  end)

  it("counts connects", function()
    with_listeners(function(ports)
      local options = { banner = "Counting connects" }
      tools.with("tcpconnect", "-c", options, function(tool)
        for _ = 1, 3 do connect(4, ports[4]) end
        connect(6, ports[6])
        expect.equal(tool:stop(), 0)
        local form = "%-25s %-25s %-20s %s"
        local lines = tool:lines()
        expect.equal({ lines[1], lines[2], lines[3] }, {
          form:format("LADDR", "RADDR", "RPORT", "CONNECTS"),
          form:format(LOCAL[4], LOCAL[4], ports[4], 3),
          form:format(LOCAL[6], LOCAL[6], ports[6], 1),
        })
      end)
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    with_listeners(function(ports)
      local warm_up = tools.actor(("tcp 0 %s %d 0 0"):format(LOCAL[4], ports[4]))
      tools.with("tcpconnect", "--json", { warm_up = warm_up }, function(tool)
        local pid = connect(4, ports[4])
        local form = '{"pid":%d,"comm":"ebpf-lua","ip":4,"laddr":"127.0.0.1",'
          .. '"raddr":"127.0.0.1","rport":%d}'
        expect.equal(tool:rows_of(pid), { form:format(pid, ports[4]) })
      end)
      tools.with("tcpconnect", "--csv -L", {}, function(tool)
        expect.equal(tool:lines()[1], "pid,comm,ip,laddr,lport,raddr,rport")
        local pid, own = connect(6, ports[6])
        expect.equal(tool:rows_of(pid),
                     { ("%d,ebpf-lua,6,::1,%d,::1,%d"):format(pid, own, ports[6]) })
      end)
    end)
  end)
end)
