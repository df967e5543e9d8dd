-- tcpaccept: every column, flag and form of output, against accepts that the spec makes.
local net = require "net"
local support = require "support"
local tools = require "tool"

local HEADER = "PID     COMM         IP RADDR            RPORT LADDR            LPORT"
local LOCAL = { [4] = "127.0.0.1", [6] = "::1" }

--- Has an actor connect to the listener, and accepts; the actor's own port.
local function accept(listener)
  local text, port = listener:name()
  local _, _, results = tools.act(("tcp 0 %s %d 0 0"):format(text, port))
  assert(listener:accept()):close()
  return results[1]
end

local function with_listeners(fn)
  net.in_namespace(nil, function()
    local listeners = { [4] = assert(net.listener(LOCAL[4], 0)),
                        [6] = assert(net.listener(LOCAL[6], 0)) }
    fn(listeners, { [4] = select(2, listeners[4]:name()),
                    [6] = select(2, listeners[6]:name()) })
    listeners[4]:close()
    listeners[6]:close()
  end)
end

local function row(family, remote, own)
  return ("%-7d %-12s %-2d %-16s %-5d %-16s %d"):format(
    support.pid, "ebpf-lua", family, LOCAL[family], remote, LOCAL[family], own)
end

describe("tcpaccept", function()
  tools.common_tests("tcpaccept", {
    all = { "-T", "-t", "-p <PID>", "-P <PORTS>", "-4", "-6", "-d <SECONDS>", "--json",
            "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-P web"] = "'web' is no port", ["extra"] = "too many arguments",
    },
  })

  it("shows process, command, addresses and ports of IPv4 and IPv6", function()
    with_listeners(function(listeners, ports)
      tools.with("tcpaccept", "", {}, function(tool)
        expect.equal(tool:lines()[1], HEADER)
        local four, six = accept(listeners[4]), accept(listeners[6])
        expect.equal(tool:rows_of(support.pid, 2),
                     { row(4, four, ports[4]), row(6, six, ports[6]) })
      end)
    end)
  end)

  it("shows no accept that fails, and none on other sockets", function()
    with_listeners(function(listeners, ports)
      tools.with("tcpaccept", "", {}, function(tool)
        local folder = support.sh("mktemp -d").out:match("%S+")
        local path = folder .. "/socket"
        local unix = assert(net.unix_listener(path))
        local client = assert(net.unix_client(path))
        assert(unix:accept()):close()
        client:close()
        unix:close()
        support.sh("rm -r " .. folder)
        local closed = net.socket(net.TCP)
        expect.equal({ closed:accept() }, { nil, 22 })
        closed:close()
        local port = accept(listeners[4])
        expect.equal(tool:rows_of(support.pid), { row(4, port, ports[4]) })
      end)
    end)
  end)

  tools.it_on_host("shows time of day and seconds", function()
    with_listeners(function(listeners, ports)
      local before = os.time()
      tools.with("tcpaccept", "-T -t", {}, function(tool)
        expect.equal(tool:lines()[1], "TIME     TIME(s)   " .. HEADER)
        local port = accept(listeners[4])
        local time, seconds, rest =
          tool:rows_of(support.pid)[1]:match("^(%S+) (%d+%.%d%d%d%d%d%d) +(%d.*)$")
        expect.truthy(tools.clock_since(before)[time], time)
        expect.truthy(tonumber(seconds) <= os.time() - before + 1, seconds)
        expect.equal(rest, row(4, port, ports[4]))
      end)
    end)
  end)

  it("filters by family, port and process", function()
    with_listeners(function(listeners, ports)
      for arguments, wanted in pairs {
        ["-4"] = { 4 }, ["-6"] = { 6 }, ["-P " .. ports[4]] = { 4 },
        ["-P 1," .. ports[6]] = { 6 }, ["-p " .. support.pid] = { 4, 6, 4, 6 },
      } do
        tools.with("tcpaccept", arguments, {}, function(tool)
          local rows, found = {}, {}
          for _ = 1, 2 do
            for _, family in ipairs { 4, 6 } do
              rows[#rows + 1] = { family, accept(listeners[family]) }
            end
          end
          for _, entry in ipairs(rows) do
            if #wanted == 4 or entry[1] == wanted[1] then
              found[#found + 1] = row(entry[1], entry[2], ports[entry[1]])
            end
          end
          expect.equal(tool:rows_of(support.pid, #found), found)
        end)
      end
      tools.with("tcpaccept", "-p 1", {}, function(tool)
        accept(listeners[4])
        expect.equal(tool:stop(), 0)
        expect.equal(tool:lines(), { HEADER })
      end)
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    with_listeners(function(listeners, ports)
      tools.with("tcpaccept", "--csv", {}, function(tool)
        expect.equal(tool:lines()[1], "pid,comm,ip,raddr,rport,laddr,lport")
        local port = accept(listeners[6])
        expect.equal(tool:rows_of(support.pid),
          { ("%d,ebpf-lua,6,::1,%d,::1,%d"):format(support.pid, port, ports[6]) })
      end)
      local function warm_up() accept(listeners[4]) end
      tools.with("tcpaccept", "--json", { warm_up = warm_up }, function(tool)
        local port = accept(listeners[4])
        local form = '{"pid":%d,"comm":"ebpf-lua","ip":4,"raddr":"127.0.0.1",'
          .. '"rport":%d,"laddr":"127.0.0.1","lport":%d}'
        local line = form:format(support.pid, port, ports[4])
        expect.equal(tool:wait_lines('"rport":' .. port .. ","), { line })
      end)
    end)
  end)
end)
