--- The examples of maps: each runs, and prints what it says it prints.
local bpf = require "bpf"
local cgroup = require "cgroup"
local example = require "example"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

--- Skips where the kernel has no such maps: the C of the example may not even compile.
local function needs_map(options)
  kernel.try(bpf.create_map, options)
end

describe("example", function()
  it("tail_calls goes where Lua points it", function()
    example.printed(example.run "tail_calls",
      "^empty\t0\t0\nfilled\t6\t17\t0\nremoved\t0\t17\ntcp 1, udp 2, other 4\n$")
  end)

  it("map_in_map counts in the map of the moment", function()
    example.with("map_in_map", {}, function(tool)
      support.sh "head -c 100 /dev/zero"
      tool:wait_lines("^[1-9]%d* calls of [1-9]%d* kinds$", 3)
    end)
  end)

  it("lpm finds the longest prefix", function()
    example.printed(example.run "lpm", "^10.9.9.9\t1\n10.1.9.9\t3\n11.0.0.1\t2\n"
                                       .. "from Lua\t3\t7\tnil\n$")
  end)

  it("storage is there while its process is", function()
    needs_map { type = "task_storage", key = "int", value = "u64", flags = 1 }
    local sleeper = "while :; do head -c 0 /etc/passwd; : </etc/passwd; done"
    local result = support.sh(support.WAIT_FOR .. ([[
      bash -c %s & busy=$!
      out=$(mktemp)
      %s %s $busy >"$out" 2>&1 & example=$!
      seen() { grep -q "calls in" "$out" || ! kill -0 $example; }
      wait_for seen
      kill $busy
      wait $example; code=$?
      sed "s/$busy/PID/" "$out"
      ((code == 3 || code == 4)) && cat "$out" >&2
      rm -f "$out"
      exit $code
    ]]):format(support.quote(sleeper), support.quote(support.program),
               example.file "storage"))
    example.printed(result, "watching PID\n", "\n[1-9]%d* calls in [%d.]+ ms\n",
                    "\nPID has ended, and its storage with it\n")
  end)

  it("queues gives values in its order, and remembers them", function()
    needs_map { type = "bloom_filter", value = "u32", entries = 8 }
    example.printed(example.run "queues",
      "^a fifth\tnil\nnext\t1\nmoved 4, the last was 3, 1 twice\n"
      .. "from the stack\t3\t2\t2\t1\tnil\nseen 3\ttrue\tseen 99\tfalse\n$")
  end)

  it("percpu sums what each CPU has", function()
    local path = "/" .. ("x"):rep(1000) -- longer than a program's stack
    example.printed(example.watch("percpu", "cat " .. path,
                                  "^[1-9][0-9]* paths of [0-9]{5,} bytes, [1-9]"),
                    "^counting\n")
  end)

  it("percpu_hash sums what each CPU has", function()
    example.with("percpu_hash", {}, function(tool)
      support.sh "for i in $(seq 20); do head -c 1 /dev/zero; done"
      expect.equal(tool:stop(), 0)
      expect.truthy(tool:out():find "\n *[1-9]%d%d+ head\n", tool:out())
      local threads = tonumber(tool:out():match "\n(%d+) threads, ")
      expect.truthy(threads >= 2 and threads <= 64, threads)
    end)
  end)

  it("inode_storage shows who opens a file by any name", function()
    local path = "/tmp/ebl-inode-" .. support.pid
    support.sh(("echo >%s; ln %s %s.link"):format(path, path, path))
    local ok, err = pcall(example.with, "inode_storage /etc/passwd " .. path, {},
                          function(tool)
      support.sh(("head -c 1 %s; tail -c 1 %s.link"):format(path, path))
      tool:wait_lines("^head %(%d+%) opens " .. path:gsub("%-", "%%-") .. ", time 1$")
      tool:wait_lines("^tail %(%d+%) opens " .. path:gsub("%-", "%%-") .. ", time 2$")
    end)
    support.sh(("rm %s %s.link"):format(path, path))
    if not ok then error(err, 0) end
  end)

  it("cgrp_storage counts what a group starts", function()
    needs_map { type = "cgrp_storage", key = "int", value = "u64", flags = 1 }
    cgroup.inside(function(path)
      example.with("cgrp_storage " .. path, {}, function(tool)
        support.sh "/bin/true; /bin/true"
        tool:wait_lines(function(line)
          local started, ended = line:match "^(%d+) started, (%d+) ended$"
          return started and tonumber(started) >= 3 and tonumber(ended) >= 3
        end)
      end)
    end)
  end)

  it("arena is one memory for both", function()
    needs_map { type = "arena", entries = 1 }
    example.printed(example.run "arena",
      "^the list\t3 2 1\nits sum, ten times as large\t60\npages that were left\t13\n$")
  end)

  it("user_ringbuf brings commands to a program", function()
    needs_map { type = "user_ringbuf", entries = 4096 }
    example.printed(example.run "user_ringbuf",
      "^records\t3\nslots\t42\t18446744073709551615\n$")
  end)

  it("test_run tries a program without attaching it", function()
    example.printed(example.run "test_run",
      "^udp\tPASS\nshort\tDROP\nping\tTX\t10.0.0.2\t10.0.0.1\t0\nduration\tknown\n$")
  end)

  it("cgroup_array acts inside of a group alone", function()
    cgroup.inside(function(path)
      example.with("cgroup_array " .. path, {}, function(tool)
        support.sh "/bin/true"
        tool:wait_lines "^%d+\ttrue$"
      end)
    end)
  end)

  it("pins goes on where it was", function()
    local path = "/sys/fs/bpf/ebl-example-" .. support.pid
    local first, second = example.run("pins " .. path), example.run("pins " .. path)
    os.remove(path)
    example.printed(first, "^result\t0\nhits\t1\tebpf%-lua\n",
                    "entries: 16 there, 17 here")
    example.printed(second, "^result\t0\nhits\t2\tebpf%-lua\n")
  end)
end)
