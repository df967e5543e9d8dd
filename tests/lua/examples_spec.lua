--- Every example runs, and shows what it says it shows.
local cgroup = require "cgroup"
local example = require "example"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

describe("example", function()
  it("hello prints what bpf_printk wrote", function()
    local result = example.watch("hello", "/bin/true", "hello from pid [0-9]+")
    example.printed(result)
    expect.truthy(result.out:find "hello from pid %d+", result.out)
  end)

  --- Skips where the kernel cannot, in its own words.
  local function skip_where_refused(result)
    if result.code ~= 4 and result.code ~= 3 then return end
    harness.skip(result.out:match "ebpf%-lua: ([^\n]*)")
  end

  it("kprobe shows reads with their time", function()
    local result = example.watch("kprobe 0", "head -c 77 /dev/zero",
                         "head .* 77 +77 ")
    skip_where_refused(result)
    example.printed(result)
    expect.truthy(result.out:find "%d+ +head +77 +77 +[%d.]+\n", result.out)
  end)

  it("fentry shows files that are opened", function()
    local result = example.watch("fentry", "cat /proc/self/status", " cat .* status$")
    skip_where_refused(result)
    example.printed(result)
    expect.truthy(result.out:find "%d+ cat +0 +%d+ status\n", result.out)
    expect.truthy(result.out:find "%d+ files opened\n", result.out)
  end)

  it("pid_filter shows the programs of one process only", function()
    local event = "/bin/echo mine; (/bin/false; :)"
    local result = example.watch("pid_filter $$", event, "/bin/echo")
    example.printed(result)
    expect.truthy(result.out:find "%d+%s+/bin/echo", result.out)
    expect.truthy(not result.out:find "/bin/false", result.out)
  end)

  it("pid_filter asks for a process, and takes no text for one", function()
    expect.equal(support.run(example.file "pid_filter").code, 1)
    expect.equal(support.run(example.file "pid_filter" .. " nobody").code, 2)
  end)

  it("histogram counts the sizes that read returns", function()
    local result = support.sh(([[
      %s -d 3 %s & example=$!
      while kill -0 $example; do head -c 100 /etc/services; done >/dev/null 2>&1
      wait $example
    ]]):format(support.quote(support.program), example.file "histogram"))
    example.printed(result)
    expect.truthy(result.out:find "bytes               : count ", result.out)
    expect.truthy(result.err:find "Tracing read", result.err)
  end)

  it("ringbuf sends failed processes and discards the others", function()
    local event = "sh -c 'exit 7'; sh -c 'kill -9 $$'; true"
    local result = example.watch("ringbuf", event, " 9 .* sh$", " 7 .* sh$")
    example.printed(result)
    expect.truthy(result.out:find "PID     PPID    STATUS SIGNAL   AGE%(ms%) COMM",
                  result.out)
    expect.truthy(result.out:find "%d+%s+%d+%s+7%s+0%s+[%d.]+ sh", result.out)
    expect.truthy(result.out:find "%d+%s+%d+%s+0%s+9%s+[%d.]+ sh", result.out)
    expect.truthy(not result.out:find " 0%s+0%s+[%d.]+ %w", result.out)
  end)

  it("xdp_blocklist drops the packets of one address and counts them", function()
    local result = support.sh(support.WAIT_FOR .. ([[
      set -e
      ns=ebl-xdp-$$
      trap 'ip netns del $ns' EXIT
      ip netns add $ns
      ip link add eblx0 type veth peer name eblx1 netns $ns
      ip addr add 10.77.0.1/24 dev eblx0
      ip link set eblx0 up
      ip -n $ns addr add 10.77.0.2/24 dev eblx1
      ip -n $ns link set eblx1 up
      out=$(mktemp)
      %s %s eblx0 10.77.0.2 >"$out" 2>&1 &
      example=$!
      dropped() {
        ip netns exec $ns bash -c 'echo hello >/dev/udp/10.77.0.1/9999' || true
        grep -qE ': [1-9][0-9]* dropped' "$out"
      }
      wait_for dropped
      kill -INT $example
      wait $example
      cat "$out"
    ]]):format(support.quote(support.program), example.file "xdp_blocklist"))
    expect.truthy(result.out:find "10.77.0.2: [1-9]%d* dropped", result.out .. result.err)
    example.printed(result)
  end)

  it("maps shows updates, batches, prefixes and maps in maps", function()
    local result = support.run(example.file "maps")
    example.printed(result)
    for _, text in ipairs {
      "noexist%s+nil\n", "exist%s+true\n", "batch%s+2\n", "\n1%s+2%s+one\n", "\n3%s+30",
      "the map is full: it holds 4 entries", "deleted%s+4\n",
      "10.1.2.3%s+16%s+10.9.9.9%s+8\n", "inner%s+18446744073709551615\n",
    } do
      expect.truthy(result.out:find(text), text .. " in " .. result.out)
    end
  end)

  it("cgroup_connect sends a connection to another port", function()
    net.in_namespace(nil, function()
      cgroup.inside(function(path)
        local listener = net.listener("127.0.0.1", 8080)
        local command = ("cgroup_connect %s 80 8080"):format(path)
        local event = "echo >/dev/tcp/127.0.0.1/80"
        local result = example.watch(command, event, "80 -> 8080")
        example.printed(result)
        expect.truthy(result.out:find("%d+%s+bash%s+127.0.0.1%s+80 %-> 8080"), result.out)
        assert(listener:accept()):close()
        listener:close()
      end)
    end)
  end)

  it("iterator shows processes by their threads", function()
    local result = support.run(example.file "iterator")
    expect.equal(result.code, 0)
    local rows, last = 0, math.huge
    for pid, threads in result.out:gmatch "(%d+) +(%d+) [^\n]+\n" do
      rows = rows + 1
      expect.truthy(tonumber(threads) <= last, "sorted")
      last = tonumber(threads)
      expect.truthy(tonumber(pid) > 0, "pid")
    end
    expect.equal(rows, 10)
    expect.equal(result.out:match "[^\n]+", "    PID THREADS COMM")
  end)

  it("lsm refuses a signal of one user to another's process", function()
    kernel.needs_section("lsm/task_kill", 0)
    -- With CAP_KILL, or the kernel refuses it before it asks.
    local event = "setpriv --reuid=1000 --clear-groups --inh-caps=+kill "
      .. "--ambient-caps=+kill kill -0 " .. support.pid
    local row = " 0 +" .. support.pid
    example.printed(example.watch("lsm 1000", event, row), row)
  end)

  it("uprobe_pattern counts the calls of functions", function()
    local many = support.program:match "^(.*/)" .. "many_functions"
    local result = example.run(("uprobe_pattern %s 'many_00*'"):format(
      support.quote(many)), "-c " .. support.quote(many .. " 1"))
    if result.err:find "get_attach_cookie" then harness.skip(result.err) end
    example.printed(result)
    expect.truthy(result.err:find "of 100 functions", result.err)
    for i = 0, 99 do
      expect.truthy(result.out:find((" *%%d+ +0 many_%04d\n"):format(i)), result.out)
    end
  end)

  it("traffic_control drops a port and counts", function()
    net.in_namespace(nil, function()
      local event = "echo >/dev/udp/127.0.0.1/9999"
      local result = example.watch("traffic_control lo 9999", event, "dropped")
      example.printed(result)
      expect.truthy(result.out:find("attached to tcx?:lo:ingress\n"), result.out)
      expect.truthy(result.out:find("%d+ dropped\n"), result.out)
    end)
  end)
end)
