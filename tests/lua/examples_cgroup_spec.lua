--- The examples of control groups that change addresses, keep values, or refuse: each
--- does to real sockets what it says.
local cgroup = require "cgroup"
local example = require "example"
local harness = require "harness"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local EPERM = 1

describe("example", function()
  it("cgroup_service gives a service an address of its own", function()
    cgroup.with_network(function(path)
      support.sh "ip route add 10.96.0.0/16 dev lo"
      example.with(("cgroup_service %s 53 5353"):format(path), {}, function(tool)
        local listener = net.listener("127.0.0.1", 5353)
        local client = assert(net.client("10.96.0.10", 53))
        expect.equal({ client:peer() }, { "10.96.0.10", 53 })
        client:close()
        listener:close()
        local server = net.datagrams("127.0.0.1", 5353)
        client = net.socket(net.UDP)
        client:send("question", "10.96.0.10", 53)
        local text, address, port = server:receive()
        expect.equal({ text, address }, { "question", "127.0.0.1" })
        server:send("answer", address, port)
        expect.equal({ client:receive() }, { "answer", "10.96.0.10", 53 })
        client:close()
        server:close()
        tool:wait_lines "^2 there, 2 back$"
      end)
    end)
  end)

  it("cgroup_bind keeps servers from other machines", function()
    cgroup.with_network(function(path)
      support.sh "ip addr add 10.77.0.1/32 dev lo"
      example.with("cgroup_bind " .. path, {}, function(tool)
        for _, way in ipairs { { "0.0.0.0", "127.0.0.1" }, { "::", "::1" } } do
          local listener = net.listener(way[1], 7001)
          expect.equal({ listener:name() }, { way[1], 7001 })
          assert(net.client(way[2], 7001)):close()
          expect.equal({ net.client("10.77.0.1", 7001) }, { nil, 111 })
          listener:close()
        end
        tool:wait_lines "^moved 2$"
      end)
    end)
  end)

  it("cgroup_storage counts for each group by itself", function()
    cgroup.with_network(function(path)
      local inner = path .. "/inner"
      assert(support.sh("mkdir " .. inner).code == 0)
      local command = ("cgroup_storage %s %s"):format(path, inner)
      local ok, err = pcall(example.with, command, {}, function(tool)
        local server, client = net.datagrams("127.0.0.1", 7001), net.socket(net.UDP)
        client:send("hello", "127.0.0.1", 7001)
        expect.equal((server:receive()), "hello")
        server:close()
        client:close()
        tool:wait_lines(("^%s: 2 packets, 66 bytes$"):format(path:gsub("%-", "%%-")))
        tool:wait_lines(("^%s: 0 packets, 0 bytes$"):format(inner:gsub("%-", "%%-")))
      end)
      support.sh("rmdir " .. inner)
      if not ok then error(err, 0) end
    end)
  end)

  it("lsm_cgroup keeps a group from listening", function()
    cgroup.with_network(function(path)
      local function listen()
        local socket = net.socket(net.TCP)
        assert(socket:bind("127.0.0.1", 7001))
        local done, err = socket:listen()
        socket:close()
        return done or err
      end
      example.with("lsm_cgroup " .. path, {}, function(tool)
        expect.equal(listen(), EPERM)
        tool:wait_lines(("^ebpf%%-lua %%(%d%%) may not listen on port 7001$")
                        :format(support.pid))
      end)
      expect.equal(listen(), 0)
    end)
  end)
end)
