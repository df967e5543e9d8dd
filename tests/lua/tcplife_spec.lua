-- tcplife: every column, flag and form of output, against the spec's connections.
local net = require "net"
local support = require "support"
local tools = require "tool"

local HEADER = "PID     COMM       LADDR           LPORT RADDR           RPORT "
  .. "TX_KB RX_KB MS"
local LOCAL = { [4] = "127.0.0.1", [6] = "::1" }
local SENT, RETURNED = 300000, 7000

--- An actor connects to this process, sends SENT bytes, gets RETURNED, and closes; then
--- this process does, after `pause` seconds. The actor's process and port.
local function connection(listener, pause)
  local address, port = listener:name()
  local words = ("tcp 0 %s %d %d %d"):format(address, port, SENT, RETURNED)
  local pid, results = tools.act_beside(words, function()
    local server, got = assert(listener:accept()), 0
    while got < SENT do got = got + #assert(server:receive()) end
    server:send(("y"):rep(RETURNED))
    expect.equal(server:receive(), "") -- closed there first
    support.sleep(pause or 0)
    server:close()
  end)
  return pid, results[1]
end

local function with_listener(family, fn)
  net.in_namespace(nil, function()
    local listener = assert(net.listener(LOCAL[family], 0))
    fn(listener, (select(2, listener:name())))
    listener:close()
  end)
end

local function row(pid, family, own, remote, tx, rx)
  return ("%-7d %-10s %-15s %-5d %-15s %-5d %5d %5d "):format(
    pid, "ebpf-lua", LOCAL[family], own, LOCAL[family], remote, math.floor(tx / 1024),
    math.floor(rx / 1024))
end

--- A row without its last column, and that.
local function parts_of(line)
  local rest, life = line:match("^(.- )(%d+%.%d%d)$")
  return rest, tonumber(life)
end

describe("tcplife", function()
  tools.common_tests("tcplife", {
    all = { "-T", "-t", "-w", "-p <PID>", "-L <PORTS>", "-D <PORTS>", "-4", "-6",
            "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-L 70000"] = "'70000' is no port", ["extra"] = "too many arguments",
    },
  })

  for _, family in ipairs { 4, 6 } do
    it("shows both sides with bytes and life, IPv" .. family, function()
      with_listener(family, function(listener, port)
        tools.with("tcplife", "", {}, function(tool)
          expect.equal(tool:lines()[1], HEADER)
          local pid, own = connection(listener, 0.2)
          local client, life = parts_of(tool:rows_of(pid)[1])
          expect.equal(client, row(pid, family, own, port, SENT, RETURNED))
          expect.truthy(life > 0 and life < 60e3 * support.patience, life)
          local server
          server, life = parts_of(tool:rows_of(support.pid)[1])
          expect.equal(server, row(support.pid, family, port, own, RETURNED, SENT))
          expect.truthy(life >= 200, life)
        end)
      end)
    end)
  end

  it("knows the process of a connection that is reset", function()
    with_listener(4, function(listener, port)
      tools.with("tcplife", "", {}, function(tool)
        local pid, results = tools.act_beside(
          ("tcp 0 %s %d 10 1"):format(LOCAL[4], port), function()
          local server = assert(listener:accept())
          expect.equal(server:receive(), ("x"):rep(10)) -- it is past its connect()
          server:set(net.SOL_SOCKET, 13, require("ffi").new("int[2]", 1, 0)) -- LINGER
          server:send("z")
          server:close()
        end)
        local own = results[1]
        local form = "^%d +ebpf%%-lua +127.0.0.1 +%d +127.0.0.1 +%d"
        for id, pattern in pairs {
          [pid] = form:format(pid, own, port),
          [support.pid] = form:format(support.pid, port, own),
        } do
          expect.truthy(tool:rows_of(id)[1]:find(pattern), pattern)
        end
      end)
    end)
  end)

  it("shows refused connections", function()
    net.in_namespace(nil, function()
      tools.with("tcplife", "", {}, function(tool)
        local pid, _, results = tools.act("tcp 0 127.0.0.1 1 0 0")
        expect.equal(results, { -111 })
        local line = tool:rows_of(pid)[1]
        expect.truthy(line:find(" 127.0.0.1       1         0     0 ", 1, true), line)
      end)
    end)
  end)

  tools.it_on_host("shows wide columns with times", function()
    with_listener(6, function(listener, port)
      local before = os.time()
      tools.with("tcplife", "-w -T -t", {}, function(tool)
        expect.equal(tool:lines()[1], "TIME     TIME(s)   PID     COMM             IP "
          .. "LADDR                      LPORT RADDR                      RPORT "
          .. "TX_KB RX_KB MS")
        local pid, own = connection(listener)
        local time, seconds, rest = tool:rows_of(pid)[1]:match("^(%S+) (%S+) +(%d+ .*)$")
        expect.truthy(tools.clock_since(before)[time], time)
        expect.truthy(tonumber(seconds) <= os.time() - before + 1, seconds)
        expect.equal((parts_of(rest)), ("%-7d %-16s 6  %-26s %-5d %-26s %-5d %5d %5d ")
          :format(pid, "ebpf-lua", "::1", own, "::1", port, math.floor(SENT / 1024),
                  math.floor(RETURNED / 1024)))
      end)
    end)
  end)

  it("filters by process, ports and family", function()
    with_listener(4, function(listener, port)
      for arguments, wanted in pairs {
        ["-p " .. support.pid] = "server", ["-L 1," .. port] = "server",
        ["-D " .. port] = "client", ["-4"] = "both", ["-6"] = "none",
      } do
        tools.with("tcplife", arguments, {}, function(tool)
          local pid = connection(listener)
          if wanted ~= "none" then tool:wait_lines("^%d") end
          if wanted == "both" then tool:wait_lines("^%d", 2) end
          expect.equal(tool:stop(), 0)
          local client = tool:out():find("\n" .. pid .. " ") and true or false
          local server = tool:out():find("\n" .. support.pid .. " ") and true or false
          local both = wanted == "both"
          expect.equal({ client, server },
                       { both or wanted == "client", both or wanted == "server" })
        end)
      end
    end)
  end)

  tools.it_on_host("gives JSON and CSV with exact bytes", function()
    with_listener(4, function(listener, port)
      tools.with("tcplife", "--csv", {}, function(tool)
        expect.equal(tool:lines()[1],
          "pid,comm,laddr,lport,raddr,rport,tx_kb,rx_kb,ms,tx_bytes,rx_bytes")
        local pid, own = connection(listener)
        local rest, life, tx, rx = tool:rows_of(pid)[1]
          :match("^(.*),(%d+%.?[%de-]*),(%d+),(%d+)$")
        expect.equal(rest, ("%d,ebpf-lua,127.0.0.1,%d,127.0.0.1,%d,%d,%d"):format(
          pid, own, port, math.floor(SENT / 1024), math.floor(RETURNED / 1024)))
        expect.truthy(tonumber(life) > 0, life)
        expect.truthy(tonumber(tx) - SENT <= 2 and tonumber(tx) >= SENT, tx) -- SYN, FIN
        expect.truthy(tonumber(rx) - RETURNED <= 1 and tonumber(rx) >= RETURNED, rx)
      end)
      local function warm_up() connection(listener) end
      tools.with("tcplife", "--json", { warm_up = warm_up }, function(tool)
        local pid, own = connection(listener)
        local line = tool:rows_of(pid)[1]:gsub('"ms":[%d.e-]+', '"ms":M')
          :gsub('"tx_bytes":%d+', '"tx_bytes":T')
          :gsub('"rx_bytes":%d+', '"rx_bytes":R')
        expect.equal(line, ('{"pid":%d,"comm":"ebpf-lua","laddr":"127.0.0.1","lport":%d,'
          .. '"raddr":"127.0.0.1","rport":%d,"tx_kb":%d,"rx_kb":%d,"ms":M,'
          .. '"tx_bytes":T,"rx_bytes":R}'):format(pid, own, port,
          math.floor(SENT / 1024), math.floor(RETURNED / 1024)))
      end)
    end)
  end)
end)
