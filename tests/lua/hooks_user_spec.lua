--- Hooks on functions of programs: thousands by a pattern, sessions, one process, another
--- mount namespace.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local kernel_state = require "kernel_state"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local MANY = support.program:match "^(.*/)" .. "many_functions"

local COUNT = [[
  u64 calls, cookies, result;
  SEC("%s") int user_spec(struct pt_regs *ctx)
  {
    __sync_fetch_and_add(&calls, 1);
    return 0;
  }
]]

--- Loads, calls `fn` with the object and its program, and closes it, whatever happens.
local function with(text, fn)
  local obj = bpf.load { source = text }
  local ok, err = xpcall(fn, function(err)
    return type(err) == "string" and debug.traceback(err) or err
  end, obj, obj.programs.user_spec)
  obj:close()
  if not ok then error(err, 0) end
end

local function run(rounds)
  local result = support.sh(("%s %d"):format(support.quote(MANY), rounds))
  expect.equal({ result.code, result.err }, { 0, "" })
end

--- Runs `command` (which must exec MANY with "wait"), calls fn with its process id once
--- it waits, lets it go on, and waits for its end.
local function while_waiting(command, fn)
  local folder = support.sh("mktemp -d").out:match "%S+"
  support.sh(("mkfifo %s/in"):format(folder))
  os.execute(("bash -c %s &"):format(support.quote(
    ("echo $$ >%s/pid; %s <%s/in >%s/out"):format(folder, command, folder, folder))))
  local gate = assert(io.open(folder .. "/in", "w"))
  local function read(name) return support.read_so_far(folder .. "/" .. name) end
  local ok, err = pcall(function()
    assert(support.eventually(function() return read("out"):find "ready" end), "no start")
    fn(tonumber(read "pid"))
    gate:write "go\n"
    gate:flush()
    assert(support.eventually(function() return read("out"):find "\n%d+\n" end), "no end")
  end)
  gate:close()
  support.sh("rm -rf " .. folder)
  if not ok then error(err, 0) end
end

describe("uprobe by pattern", function()
  for _, kind in ipairs { "uprobe", "uretprobe" } do
    it("sits on 2,000 functions by one link: " .. kind, function()
      with(COUNT:format(kind .. ".multi"), function(obj, program)
        local spec = kind .. ":" .. MANY .. ":"
        local few = kernel.attach(program, spec .. "many_000?")
        expect.equal(few:info().functions, 10)
        -- A kernel without such links takes them one by one, and slowly.
        local in_one = few:info().id
        few:close()
        local count = in_one and 2001 or 11
        local names = in_one and "many_0*,many_1*,main" or "many_000?,main"
        local link = program:attach(spec .. names)
        local info = link:info()
        expect.equal({ info.functions, info.left_out }, { count, 0 })
        run(3)
        expect.equal(obj.variables.calls, 3 * (count - 1) + 1)
        link:close()
        run(1)
        expect.equal(obj.variables.calls, 3 * (count - 1) + 1)
      end)
    end)

    it("sits on functions one by one, for a program loaded so: " .. kind, function()
      with(COUNT:format(kind), function(obj, program)
        program:load()
        local link = kernel.attach(program, ("%s:%s:many_000?"):format(kind, MANY))
        expect.equal(link:info().functions, 10)
        run(7)
        expect.equal(obj.variables.calls, 70)
        link:close()
        run(1)
        expect.equal(obj.variables.calls, 70)
      end)
    end)
  end

  it("attaches by the section alone", function()
    with(COUNT:format("uprobe.multi/" .. MANY .. ":many_10*"), function(obj)
      kernel.try(obj.attach, obj)
      run(2)
      expect.equal(obj.variables.calls, 200)
    end)
  end)

  it("has a cookie for each function", function()
    with([[
      u64 cookies[4];
      SEC("uprobe") int user_spec(struct pt_regs *ctx)
      {
        u64 cookie = bpf_get_attach_cookie(ctx);

        if (cookie < 4)
          __sync_fetch_and_add(&cookies[cookie], 1);
        return 0;
      }
    ]], function(obj, program)
      local ok, err = pcall(kernel.attach, program, "uprobe:" .. MANY .. ":many_000?", {
        cookie = { many_0003 = 1, many_0007 = 3 } })
      if not ok and type(err) == "table" and err.code == "verifier" then
        harness.skip("load: " .. tostring(err.detail):match "[^\n]*func[^\n]*")
      end
      if not ok then error(err, 0) end
      run(5)
      local seen = obj.variables.cookies
      expect.equal({ seen[1], seen[2], seen[4] }, { 40, 5, 5 })
    end)
  end)

  it("sees one process alone, by pid", function()
    with(COUNT:format "uprobe", function(obj, program)
      while_waiting("exec " .. MANY .. " 4 wait", function(pid)
        kernel.attach(program, "uprobe:" .. MANY .. ":many_000*", { pid = pid })
        run(1)
        expect.equal(obj.variables.calls, 0)
      end)
      expect.equal(obj.variables.calls, 40)
    end)
  end)

  it("finds the file of a process in another mount namespace", function()
    with(COUNT:format "uprobe", function(obj, program)
      -- The program's own copy, at a place that only this process sees.
      local command = ([[exec unshare -m bash -c "mount -t tmpfs none /mnt &&
        cp %s /mnt/hidden && exec /mnt/hidden 2 wait"]]):format(MANY)
      while_waiting(command, function(pid)
        expect.equal(io.open "/mnt/hidden", nil)
        kernel.attach(program, "uprobe:/mnt/hidden:many_000?", { pid = pid })
      end)
      expect.equal(obj.variables.calls, 20)
    end)
  end)

  it("says that nothing matches", function()
    with(COUNT:format "uprobe", function(_, program)
      local ok, err = pcall(program.attach, program, "uprobe:" .. MANY .. ":no_such_f*")
      expect.equal({ ok, err.code }, { false, "not_found" })
      expect.truthy(err.message:find("has no function no_such_f*", 1, true), err.message)
      expect.truthy(err.hint:find("-l 'uprobe:", 1, true), err.hint)
    end)
  end)

  it("is one link of a quick probe, counted by function", function()
    local result = support.run(("-c %s -e %s"):format(
      support.quote(MANY .. " 1"),
      support.quote(('count("uprobe:%s:many_000*")'):format(MANY))))
    if result.code == 4 then harness.skip(result.err) end
    expect.truthy(result.code == 0, result.err)
    for i = 0, 9 do
      expect.truthy(result.out:find(("%%d+ %%S+:many_000%d\n"):format(i)), result.out)
    end
  end)

  it("is gone after a SIGKILL", function()
    local chunk = ([[
      local obj = bpf.load { source = [=[%s]=] }
      obj.programs.user_spec:attach "uprobe:%s:many_10*"
      print "attached" io.stdout:flush() bpf.run()
    ]]):format(COUNT:format "uprobe.multi", MANY)
    kernel.killed(chunk, function()
      expect.truthy(kernel_state.programs "user_spec" >= 1, "loaded")
    end, function() return kernel_state.programs "user_spec" == 0 end)
  end)
end)

describe("uprobe.session", function()
  it("is one program at the entry and the return", function()
    with(([[
      u64 entries, returns, result, inside;
      SEC("uprobe.session/%s:many_0000") int user_spec(struct pt_regs *ctx)
      {
        if (!inside) {
          entries++;
          inside = entries %% 2 == 0;
          return entries %% 2;    // no return for every second
        }
        inside = 0;
        returns++;
        result = PT_REGS_RC(ctx);
        return 0;
      }
    ]]):format(MANY), function(obj, program)
      local link = kernel.attach(program)
      expect.equal(link:info().functions, 1)
      run(9)
      local seen = obj.variables
      expect.equal({ seen.entries, seen.returns }, { 9, 4 })
      expect.equal(seen.result, 7 * 2500 + 1) -- of the eighth round
    end)
  end)
end)
