--- --dry-run: everything is compiled and verified, nothing is attached.
local support = require "support"
local program = require "program"

local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")

local GOOD = [[
  u64 hits;
  SEC("tracepoint/syscalls/sys_enter_getppid")
  int dry_counter(void *ctx) { hits++; return 0; }
]]
local REFUSED = [[
  SEC("tracepoint/syscalls/sys_enter_getppid")
  int dry_refused(void *ctx) { return *(volatile int *)0; }
]]

local function dry_run(text)
  local state = ("package.path = %q .. package.path\n"):format(folder .. "/?.lua;")
  return support.sh(("%s --dry-run - <<'SCRIPT'\n%s%s\nSCRIPT"):format(
    support.quote(support.program), state, text))
end

describe("--dry-run", function()
  it("loads, attaches nothing and ends at once", function()
    local result = dry_run([[
      local bpf, kernel_state = require "bpf", require "kernel_state"
      local obj = bpf.load { source = [=[]] .. GOOD .. [[]=] }
      obj:attach()
      local link = obj.programs.dry_counter:attach "tracepoint:syscalls:sys_enter_getpid"
      print(kernel_state.programs("dry_counter"), kernel_state.links("dry_counter"))
      print(link, bpf.run())
      link:close()
      print(bpf.poll(1000))
      bpf.poll(1000)
      print("not reached")
    ]])
    expect.equal(result.err, "")
    expect.equal(result.out, "1\t0\nlink: tracepoint:syscalls:sys_enter_getpid (closed)"
                             .. "\tstop\n0\tstop\n")
    expect.equal(result.code, 0)
  end)

  it("shows what the verifier refuses, also where the script loads nothing", function()
    for _, rest in ipairs { "obj:attach()", "", "bpf.run()" } do
      local result = dry_run('local bpf = require "bpf"\n'
                             .. "local obj = bpf.load { source = [=[" .. REFUSED
                             .. "]=] }\n" .. rest)
      program.failed(result, 1, "dry_refused")
    end
  end)

  it("leaves load = false alone, and keeps the script's own errors", function()
    local refused = 'require("bpf").load { load = false, source = [=['
      .. REFUSED .. "]=] }"
    expect.equal(dry_run(refused).code, 0)
    program.failed(dry_run(refused .. " error('mine')"), 1, "mine")
  end)
end)
