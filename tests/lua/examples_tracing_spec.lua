--- The examples of tracing: each runs, and shows what it says it shows.
local example = require "example"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local programs = support.program:match "^(.*/)"

describe("example", function()
  it("helpers tells who opens a file, when and where", function()
    local result = example.watch("helpers", "head -c 0 /etc/services",
                                 "head.*/etc/services")
    local line = example.printed(result).out:match "[^\n]*head\t/etc/services"
    local time, pid, thread, parent, user, cpu = line:match(
      "^(%d%d:%d%d:%d%d)\t(%d+)\t(%d+)\t(%d+)\t(%S+)\t(%d+)\t")
    expect.truthy(time and pid == thread and parent ~= pid, line)
    expect.equal(user, "root")
    expect.truthy(tonumber(cpu) < 4096, cpu)
  end)

  it("config changes what its program does while it runs", function()
    example.with("config", { input = true }, function(tool)
      tool:type "sample_rate 7"
      local function counts(line)
        local rate, sampled, seen = line:match "^enabled 1, one in (%d+): (%d+) of (%d+)$"
        -- Enough that what a CPU has begun to count does not matter.
        return rate == "7" and tonumber(seen) > 5000 and tonumber(sampled), tonumber(seen)
      end
      for _ = 1, 100 do support.sh "head -c 100 /dev/zero" end
      local line = tool:wait_lines(function(one)
        support.sh "head -c 100 /dev/zero"
        return counts(one)
      end)[1]
      local sampled, seen = counts(line)
      expect.near(sampled / seen, 1 / 7, 0.02)
      tool:type "enabled 0"
      tool:wait_lines "^enabled 0, one in 7: 0 of 0"
      tool:type "colour 3"
      tool:wait_lines "^settings: enabled, sample_rate"
    end)
  end)

  it("two_programs measures from one to the other", function()
    example.with("two_programs", { banner = "Tracing" }, function(tool)
      support.sh "for i in 1 2 3 4 5; do head -c 100 /etc/services; done"
      expect.equal(tool:stop(), 0)
      expect.truthy(tool:out():find "usecs               : count ", tool:out())
      expect.truthy(tool:out():find "%d+ %-> %d+ +: [1-9]", tool:out())
    end)
  end)

  it("raw_tracepoint counts system calls by number", function()
    example.with("raw_tracepoint", { banner = "Counting" }, function(tool)
      support.sh "for i in $(seq 20); do head -c 1 /dev/zero; done"
      expect.equal(tool:stop(), 0)
      expect.truthy(tool:out():find "COUNT KEY\n *[1-9]%d* %d+\n", tool:out())
    end)
  end)

  it("raw_tracepoint_write changes what the kernel answers", function()
    example.printed(example.run "raw_tracepoint_write",
      "^as it is\t50\nwith 28\t[^\n]*'length': ENOSPC %(No space left on device%)\n"
      .. "as it was\t50\nchanged\t1\n$")
  end)

  it("tp_btf reads the kernel's structs", function()
    example.with("tp_btf", { banner = "Watching" }, function(tool)
      support.sh "for i in $(seq 20); do sleep 0.01; done"
      expect.equal(tool:stop(), 0)
      expect.truthy(tool:out():find " *[1-9]%d* [^\n]* sleep\n", tool:out())
    end)
  end)

  it("uprobe finds a function by the tables of the file", function()
    local result = example.watch("uprobe", "bash -c :", "bash -> .*/bash")
    example.printed(result, "probing /bin/bash:0x%x+\n", "\n%d+\tbash %-> /%S*/bash\n")
    local none = example.run "uprobe /bin/bash no_such_symbol"
    expect.equal(none.code, 1)
    expect.truthy(none.err:find("no symbol 'no_such_symbol' in /bin/bash", 1, true),
                  none.err)
  end)

  it("usdt shows the arguments of a static probe", function()
    local path = programs .. "static_probes"
    local result = example.watch(("usdt %s ebl_test:values"):format(path), path .. " 2",
                                 "1 -1 ", "2 -2 ")
    example.printed(result, "\n%d+\tstatic_probes\t1 %-1 %-9223372036854775808 1001\n",
                    "\n%d+\tstatic_probes\t2 %-2 %-9223372036854775808 1002\n")
  end)

  it("perf samples the stacks of a busy process", function()
    local busy = "head -c 2000000000 /dev/zero | sha256sum >/dev/null"
    local script = ("%s & b=$!; %s -d 2 %s; kill $b"):format(
      busy, support.quote(support.program), example.file "perf")
    local result = example.printed(support.sh(script))
    expect.truthy(result.out:find "\n    [%w_]+", result.out)
    expect.truthy(result.out:find "%d+ samples in sha256sum %(%d+%)\n    ", result.out)
  end)

  it("timers runs on a clock, and ends by one", function()
    example.printed(example.run "timers", "^begin\nbusy %d+%% of %d+ ticks\n",
                    "\nend\tstop\n$")
  end)
end)
