--- Signals: Ctrl-C and its like end a run in good order, a second one ends a script that
--- does not listen, SIGKILL leaves nothing behind.
local kernel = require "kernel"
local kernel_state = require "kernel_state"
local program = require "program"
local support = require "support"

local quote = support.quote

local PROBE = [[
local bpf = require "bpf"
local obj = bpf.load { source = %s }
obj:attach()
]]
local NAME = "sig_" .. support.pid
local COUNTER = "[[u64 calls; SEC(\"tracepoint/syscalls/sys_enter_getppid\") "
  .. "int " .. NAME .. "(void *ctx) { __sync_fetch_and_add(&calls, 1); return 0; }]]"
local ATTACHED = PROBE:format(COUNTER)
local READY = 'io.stderr:write("ready\\n")\n'

--- Runs a script in the background of a shell, waits until it says "ready" on standard
--- error, then runs `commands`, in which $P is its process; last, waits for it.
---@param before string? a command that starts it: nohup, timeout
local function run_and(script, commands, before)
  local result
  program.with_files({ ["script.lua"] = script }, function(folder)
    result = support.sh(support.WAIT_FOR .. ([[
      cd %s
      %s %s script.lua >out 2>err &
      P=$!
      wait_for grep -qs ready err
      alive() { kill -0 $1 2>/dev/null; }
      dead() { ! alive $1; }
      gone() { wait_for dead $1; }
      taken() { grep -q '^ShdPnd:\s*0*$' /proc/$P/status; }
      %s
      wait $P; code=$?
      cat out; cat err >&2
      exit $code
    ]]):format(folder, before or "", quote(support.program), commands))
  end)
  return result
end

--- The kernel frees programs after a grace period.
local function expect_no_program()
  local function are_gone() return kernel_state.programs(NAME) == 0 end
  expect.truthy(support.eventually(are_gone), "no program is left")
end

local RUN = ATTACHED .. READY .. [[
local why = bpf.run(1000)
print(why, obj.variables.calls >= 0)
]]

describe("a first signal", function()
  for _, name in ipairs { "INT", "TERM", "HUP" } do
    it("SIG" .. name .. " ends bpf.run() and the script goes on: exit code 0", function()
      local result = run_and(RUN, "kill -" .. name .. " $P")
      expect.equal(result.out, "interrupt\ttrue\n")
      expect.equal(result.code, 0)
      expect_no_program()
    end)
  end

  it("ends a long row of attachments where it is", function()
    local result = run_and("local bpf = require 'bpf'\nlocal SOURCE = " .. COUNTER .. [[

local row = {} -- the last 40: a tracepoint holds 64 programs
for i = 1, 1e6 do
  row[i] = bpf.load { source = SOURCE }
  row[i]:attach()
  if row[i - 40] then row[i - 40]:close() end
  if i == 5 then io.stderr:write("ready\n") end
end
]], "kill -INT $P")
    expect.equal(result.out, "")
    expect.equal(result.err, "ready\n")
    expect.equal(result.code, 0)
    expect_no_program()
  end)

  it("is one request when it comes to the process and to its group", function()
    local result = run_and(RUN, "kill -INT $P; kill -INT $P")
    expect.equal(result.out, "interrupt\ttrue\n")
    expect.equal(result.code, 0)
  end)

  it("ends bpf.poll(), and the next poll ends a script that goes on", function()
    local poll = READY .. "local bpf = require 'bpf'\nwhile true do %s end"
    local told = run_and(poll:format("local _, why = bpf.poll(60000) "
      .. "if why then print(why) break end"), "kill -INT $P")
    expect.equal(told.out, "interrupt\n")
    expect.equal(told.code, 0)
    local deaf = run_and(poll:format("print(bpf.poll(60000))"), "kill -INT $P")
    expect.equal(deaf.out, "0\tinterrupt\n")
    expect.equal(deaf.err, "ready\n")
    expect.equal(deaf.code, 0)
  end)

  it("before bpf.run() is answered by it", function()
    local result = run_and(READY .. [[
      local bpf, clock = require "bpf", os.clock()
      while os.clock() - clock < 0.5 do end
      print(bpf.run())
    ]], "kill -INT $P")
    expect.equal(result.out, "interrupt\n")
    expect.equal(result.code, 0)
  end)

  it("SIGHUP does nothing under nohup", function()
    local script = READY .. "print(require 'bpf'.run(0.5))"
    local result = run_and(script, "kill -HUP $P", "nohup")
    expect.equal(result.out, "timeout\n")
    expect.equal(result.code, 0)
  end)
end)

-- Two signals are one request when they come within 50 ms (runtime/events/signals.h), and
-- one signal when the first has not been taken yet.
local LATER = "; wait_for taken; sleep 0.1"

describe("a second signal", function()
  local ENDLESS = ATTACHED .. READY .. "local n = 0\nwhile true do n = n + 1 end"

  it("ends a compiled loop that never listens, and detaches", function()
    local result = run_and(ENDLESS, "kill -INT $P" .. LATER .. "; alive $P && echo deaf\n"
                                    .. "kill -INT $P; gone $P || kill -KILL $P")
    expect.equal(result.out, "deaf\n")
    expect.equal(result.code, 130)
    expect_no_program()
    expect.equal(kernel_state.links(NAME), 0)
  end)

  it("SIGTERM ends with 143", function()
    local result = run_and(ENDLESS, "kill -TERM $P" .. LATER .. "; kill -TERM $P; "
                                    .. "gone $P || kill -KILL $P")
    expect.equal(result.code, 143)
  end)

  it("leaves the terminal as it was", function()
    if support.sh("script -qec stty /dev/null").code ~= 0 then
      skip "no script(1) that runs a command"
    end
    local script = [[
      os.execute "stty -echo -icanon"
      io.stderr:write "ready\n"
      while true do end
    ]]
    program.with_files({ ["script.lua"] = script }, function(folder)
      local inside = support.WAIT_FOR .. ([[
        cd %s; stty sane; stty -g >before
        %s script.lua </dev/tty 2>err &
        P=$!
        wait_for grep -qs ready err
        stty -g >during
        taken() { grep -q '^ShdPnd:\s*0*$' /proc/$P/status; }
        kill -INT $P%s; kill -INT $P; wait $P
        stty -g >after
      ]]):format(folder, quote(support.program), LATER)
      support.sh(("script -qec %s /dev/null"):format(quote("bash -c " .. quote(inside))))
      local function state(name)
        return support.sh("cat " .. folder .. "/" .. name).out
      end
      expect.truthy(state "before" ~= state "during", "the script's change")
      expect.equal(state "after", state "before")
    end)
  end)
end)

-- Keeps the compiler busy to its limit of ten seconds with semicolons.
local SLOW_C = [[
local bpf = require "bpf"
local lines = { "#define P0 ;\n" }
for i = 1, 16 do lines[#lines + 1] = ("#define P%d P%d P%d\n"):format(i, i - 1, i - 1) end
lines[#lines + 1] = ("P16\n"):rep(20000)
]]

describe("during a compile", function()
  local compile = SLOW_C .. READY .. "bpf.load { source = table.concat(lines) }\n"
    .. "print('compiled', bpf.run())"
  local children = "has_child() { K=$(cat /proc/$P/task/$P/children); [ -n \"$K\" ]; }; "
    .. "wait_for has_child; sleep 0.3; "
  local wait_for_them = "; for k in $K; do gone $k || echo left; done; "
    .. "echo over $(echo $K | wc -w)"

  -- Sooner than the compile would have ended by itself.
  local interrupt = children .. "SECONDS=0; kill -INT $P" .. wait_for_them
    .. "; gone $P; [ $SECONDS -le 8 ] || echo late"

  it("Ctrl-C ends it at once, the compiler and the program", function()
    local result = run_and(compile, interrupt)
    expect.equal(result.out, "over 1\n")
    expect.equal(result.err, "ready\n")
    expect.equal(result.code, 0)
  end)

  it("Ctrl-C reaches a script that catches errors twice", function()
    local result = run_and(SLOW_C .. READY .. [[
      local _, err = pcall(bpf.load, { source = table.concat(lines) })
      print(err.code, err)
      print(bpf.run())
    ]], interrupt)
    expect.equal(result.out, "over 1\n"
                 .. "interrupted\tthe compile was interrupted\ninterrupt\n")
    expect.equal(result.code, 0)
  end)

  it("SIGKILL leaves no process", function()
    local result = run_and(compile, children .. "kill -KILL $P" .. wait_for_them)
    expect.equal(result.out, "over 1\n")
    expect.equal(result.code, 137)
  end)
end)

describe("SIGKILL", function()
  it("leaves no program, no link and no process", function()
    local result = run_and(RUN, "kill -KILL $P; wait $P")
    expect.equal(result.code, 137)
    expect_no_program()
    expect.equal(kernel_state.links(NAME), 0)
  end)

  it("finds something to free: the list shows what is attached", function()
    local bpf = require "bpf"
    local obj = bpf.load { source = COUNTER:sub(3, -3) }
    obj:attach()
    expect.equal(kernel_state.programs(NAME), 1)
    local other = bpf.load { source = COUNTER:sub(3, -3):gsub("sig_", "two_") }
    local link = other.programs[NAME:gsub("sig_", "two_")]:attach()
    kernel.try(link.info, link) -- before 5.15 no list has these links
    other:close()
    expect.equal(kernel_state.links(NAME), 1)
    obj:close()
  end)
end)
