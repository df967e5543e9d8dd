--- What loading and closing again and again leaves in this process: nothing. On the host
--- alone: no kernel changes it, and an emulated processor takes a minute.
local ffi = require "ffi"
local bpf = require "bpf"
local compiler = require "bpf.compiler"
local kernel_state = require "kernel_state"
local program = require "program"
local support = require "support"

local SOURCE = [[
  const volatile u64 limit;
  u64 calls;
  struct event { u64 number; };
  RINGBUF(events, struct event, 4096);
  HASH(seen, u32, u64, 16);

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int leak_spec(void *ctx)
  {
    struct event event = { .number = calls++ };

    bpf_ringbuf_output(&events, &event, sizeof(event), 0);
    return 0;
  }
]]

local function collect()
  collectgarbage()
  collectgarbage()
end

--- The kernel frees programs after a grace period.
local function unloaded()
  return support.eventually(function() return kernel_state.programs("leak_spec") == 0 end)
end

-- LuaJIT numbers ctypes as they are made and never frees them.
local function newest_ctype()
  local type_ = ffi.typeof(("struct { int mark_%d; }"):format(math.random(2 ^ 31)))
  return tonumber(tostring(type_):match("%d+"))
end

local function usage()
  collect()
  local file = assert(io.open("/proc/self/status"))
  local status = file:read("*a")
  file:close()
  return {
    -- KB of its own memory; pages of files come and go with the page cache
    memory = tonumber(status:match("RssAnon:%s*(%d+)")),
    fds = tonumber(support.sh(("ls /proc/%d/fd | wc -l"):format(support.pid)).out),
    ctypes = newest_ctype(),
  }
end

local function compiled()
  return (compiler.compile { text = SOURCE, name = "leak.c", directory = "", flags = {} })
end

describe("loading again and again", function()
  it("20,000 times leaks no descriptor, no memory and no ctype", function()
    program.with_files({ ["leak.o"] = compiled() }, function(folder)
      local function some(times)
        for i = 1, times do
          local obj = bpf.load { file = folder .. "/leak.o", load = false,
                                 constants = { limit = i } }
          if obj.variables.limit ~= i then error("limit is not " .. i) end
          if i % 2 == 0 then obj:close() end -- the others are left to the collector
        end
      end
      some(2000)
      local first = usage()
      -- The heap may take a new piece in one round; a leak makes it grow in each.
      local last, least = first, math.huge
      for _ = 1, 3 do
        local before = last
        some(6000)
        last = usage()
        least = math.min(least, last.memory - before.memory)
      end
      expect.equal(last.fds, first.fds)
      expect.truthy(least < 350, least .. " KB a round") -- less than 60 bytes a load
      expect.near(last.ctypes, first.ctypes, 8)
    end)
  end)

  it("into the kernel, with events and maps, leaks nothing either", function()
    program.with_files({ ["leak.o"] = compiled() }, function(folder)
      local function some(times)
        for i = 1, times do
          local obj = bpf.load { file = folder .. "/leak.o", constants = { limit = i } }
          obj.maps.events:each(function() end)
          obj.maps.seen[i] = i
          if obj.maps.seen[i] ~= i then error("no entry " .. i) end
          obj.programs.leak_spec:load()
          obj:close()
        end
      end
      some(200) -- the allocator has settled
      local before = usage()
      some(400)
      local between = usage()
      some(400)
      local after = usage()
      expect.equal(after.fds, before.fds)
      -- KB, less than 660 bytes a load. The allocator may keep the room of a large type
      -- table once; a leak grows in both halves.
      expect.near(math.min(between.memory - before.memory, after.memory - between.memory),
                  0, 256)
      expect.near(after.ctypes, before.ctypes, 8)
    end)
    expect.truthy(unloaded(), "unloaded")
  end)
end)
