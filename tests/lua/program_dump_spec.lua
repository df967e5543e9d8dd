--- program:dump(), bpf.open_program and bpf.btf.dump: what is in the kernel, as text.
local bpf = require "bpf"
local kernel = require "kernel"
local program = require "program"
local support = require "support"

local SOURCE = [[
HASH(dumped_map, u32, u64, 32);
u64 dumped_calls;
static __noinline int dumped_callee(u32 key)
{
  u64 *value = bpf_map_lookup_elem(&dumped_map, &key);
  return value ? *value : 0;
}
SEC("raw_tracepoint/sys_enter")
int dumped_program(struct bpf_raw_tracepoint_args *ctx)
{
  char comm[16];
  dumped_calls++;
  if (bpf_get_current_comm(comm, sizeof(comm)) == 0 && comm[0] == 'x')
    return dumped_callee(ctx->args[1]);
  return 0;
}
]]

--- The line of SOURCE that a piece of text stands on, as a dump says it: "FILE:N: text".
local function shown(piece)
  local file = io.open((debug.getinfo(1, "S").source:sub(2)))
  local number = 0
  for line in file:lines() do
    number = number + 1
    if line:find(piece, 1, true) then
      file:close()
      return (":%d: %s"):format(number, line:match "^%s*(.-)%s*$")
    end
  end
  error("no line with " .. piece)
end

local function with_object(fn)
  local obj = bpf.load { source = SOURCE, name = "dumped" }
  local ok, err = pcall(fn, obj)
  obj:close()
  if not ok then error(err, 0) end
end

local function has(text, piece)
  expect.truthy(text:find(piece, 1, true), ("no %q in:\n%s"):format(piece, text))
end

local LINES = { "dumped_calls++;", "if (bpf_get_current_comm(comm",
                "u64 *value = bpf_map_lookup_elem(&dumped_map", "return value ? *value" }

describe("program:dump", function()
  it("shows the verified instructions under their C lines, with names", function()
    with_object(function(obj)
      local text = obj.programs.dumped_program:dump "xlated"
      has(text, "dumped_program:\n")
      has(text, "\ndumped_callee:\n")
      for _, line in ipairs(LINES) do has(text, "_dump_spec.lua" .. shown(line)) end
      has(text, "call bpf_get_current_comm\n")
      has(text, "call dumped_callee\n")
      has(text, " = map dumped_map\n")
      has(text, " = value of map dumped.bss\n")
      has(text, ": exit\n")
      expect.truthy(not text:find "unknown instruction", text)
      -- Each instruction has its number, and the last is the last.
      local size, expected = obj.programs.dumped_program:info().xlated_size / 8, 0
      for number, instruction in text:gmatch "\n *(%d+): ([^\n]+)" do
        expect.equal(tonumber(number), expected)
        expected = expected + (instruction:find "^r%d = .*map " and 2
                               or instruction:find " ll$" and 2 or 1)
        local target = instruction:match "goto (%S+)"
        expect.truthy(not target or tonumber(target) < size, instruction)
      end
      expect.equal(expected, size)
    end)
  end)

  it("shows what the JIT made, with names of what is called", function()
    with_object(function(obj)
      local text = kernel.try(obj.programs.dumped_program.dump,
                              obj.programs.dumped_program, "jited")
      has(text, "dumped_program:\n")
      has(text, "\ndumped_callee:\n")
      for _, line in ipairs(LINES) do has(text, "_dump_spec.lua" .. shown(line)) end
      expect.truthy(text:find "call[^\n]+; bpf_get_current_comm\n"
                    or text:find "bl[^\n]+; bpf_get_current_comm\n"
                    or text:find "blr", text)
      expect.truthy(text:find ": ret" or text:find "; [%w_]+_return_thunk\n", text)
      has(text, "; dumped_callee\n")
      expect.truthy(not text:find "unknown instruction", text)
      local last = 0
      for offset, instruction in text:gmatch "\n *(%x+): ([^\n]+)" do
        last = math.max(last, tonumber(offset, 16))
        local inside = instruction:match "^j%a+ +(%x+)$"
        expect.truthy(not inside or text:find("\n *" .. inside .. ": "), instruction)
      end
      expect.truthy(last > 0 and last < obj.programs.dumped_program:info().jited_size)
    end)
  end)

  it("knows what the kernel's accesses to an arena and to kernel memory are", function()
    local guarded = bpf.load { source = [[
      SEC("tp_btf/sched_switch")
      int BPF_PROG(on_switch, bool preempt, struct task_struct *prev)
      {
        return prev->parent->pid;
      }
    ]] }
    local text = guarded.programs.on_switch:dump "xlated"
    guarded:close()
    expect.truthy(text:find ": w0 = %*%(u32 %*%)%(r%d %+ %d+%)\n", text)
    expect.truthy(not text:find "unknown instruction", text)
    local obj = bpf.load { source = [[
      ARENA(memory, 1);
      struct node { u64 count; };
      SEC("syscall") int count(void *ctx)
      {
        struct node __arena *node = bpf_arena_alloc_pages(&memory, 0, 1, -1, 0);

        if (node)
          __sync_fetch_and_add(&node->count, 3);
        return 0;
      }
    ]] }
    text = kernel.try(obj.programs.count.dump, obj.programs.count, "xlated")
    obj:close()
    has(text, "call bpf_arena_alloc_pages\n")
    has(text, "lock *(u64 *)(")
    expect.truthy(not text:find "unknown instruction", text)
  end)

  it("takes one of two words", function()
    with_object(function(obj)
      local one = obj.programs.dumped_program
      expect.error('takes "xlated" or "jited", got \'asm\'', one.dump, one, "asm")
    end)
  end)
end)

describe("program:info", function()
  it("tells memory, sizes, and runs while they are counted", function()
    with_object(function(obj)
      local counting = kernel.try(bpf.count_runs)
      local one = obj.programs.dumped_program
      one:attach()
      local info = one:info()
      expect.equal({ info.id, info.name, info.type },
                   { one:id(), "dumped_program", "raw_tracepoint" })
      expect.truthy(info.memlock >= 4096, info.memlock)
      expect.truthy(info.xlated_size > 0)
      expect.truthy(support.eventually(function()
        local now = one:info()
        return now.run_cnt > 0 and now.run_time_ns > 0
      end))
      counting:close()
    end)
  end)
end)

local function bpffs()
  return bpf.features().mounts.bpf or skip "no bpffs is mounted"
end

describe("bpf.open_program", function()
  it("opens by id, name and pin, and shows the code", function()
    local folder = bpffs()
    with_object(function(obj)
      local own = obj.programs.dumped_program
      local text = own:dump "xlated"
      local path = ("%s/ebl-dumped-%s"):format(folder, support.pid)
      own:pin(path)
      local found = { bpf.open_program { id = own:id() },
                      bpf.open_program { path = path } }
      local unique = bpf.load { source = ([[
        SEC("socket") int ebl_%d(void *ctx) { return 0; }
      ]]):format(support.pid) }
      local name = "ebl_" .. support.pid
      unique.programs[name]:load()
      local named = bpf.open_program { name = name }
      expect.equal(named:id(), unique.programs[name]:id())
      for _, one in ipairs(found) do
        expect.equal(one:id(), own:id())
        expect.equal(one.name, "dumped_program")
        expect.equal(one:dump "xlated", text)
        one:close()
        one:close()
        expect.error("is closed", one.fd, one)
      end
      named:close()
      unique:close()
      support.sh("rm -f " .. path)
    end)
  end)

  it("keeps the program while it is open", function()
    local id, opened
    with_object(function(obj)
      id = obj.programs.dumped_program:id()
      opened = bpf.open_program { id = id }
    end)
    expect.equal(opened:info().id, id)
    has(opened:dump "xlated", "call bpf_get_current_comm\n")
    opened:close()
    expect.truthy(support.eventually(function()
      return not pcall(bpf.open_program, { id = id })
    end))
  end)

  it("says what is not there, or no program", function()
    expect.error("takes one of path, id and name", bpf.open_program, {})
    expect.error("cannot open program 4294967295: ENOENT", bpf.open_program,
                 { id = 4294967295 })
    expect.error("cannot open a program called ebl_none: ENOENT", bpf.open_program,
                 { name = "ebl_none" })
    expect.error("cannot open /nowhere: ENOENT", bpf.open_program, { path = "/nowhere" })
    expect.error("cannot open /proc/version: it is not in a bpffs", bpf.open_program,
                 { path = "/proc/version" })
    for _, id in ipairs { -1, 1.5, 2 ^ 32 } do
      expect.error("id is a number of the kernel's, got " .. id, bpf.open_program,
                   { id = id })
    end
  end)

  it("refuses the pin of a map, and pins outside of a bpffs", function()
    local folder = bpffs()
    with_object(function(obj)
      local elsewhere = os.tmpname() .. ".pin"
      expect.error(elsewhere .. ": it is not in a bpffs", obj.programs.dumped_program.pin,
                   obj.programs.dumped_program, elsewhere)
      local path = ("%s/ebl-map-%s"):format(folder, support.pid)
      obj.maps.dumped_map:pin(path)
      local ok, err = pcall(bpf.open_program, { path = path })
      support.sh("rm -f " .. path)
      expect.equal(ok, false)
      expect.equal(err.message, path .. " keeps no program")
    end)
  end)

  it("without the privilege says which", function()
    program.needs_sys_admin("bpf.open_program{id=1}", "cannot open program 1")
  end)
end)

describe("bpf.btf.dump", function()
  it("writes a type of the kernel as C that compiles", function()
    local text = bpf.btf.dump "iphdr"
    has(text, "struct iphdr {")
    has(text, "daddr;")
    expect.equal(bpf.btf.dump "struct iphdr", text)
    local obj = bpf.load { source = text .. [[
      _Static_assert(sizeof(struct iphdr) == 20, "size");
      SEC("socket") int f(void *ctx) { struct iphdr h = { .ttl = 7 }; return h.ttl; }
    ]] }
    obj:close()
    has(bpf.btf.dump "tcp_ca_event", "enum tcp_ca_event {")
  end)

  it("writes all types", function()
    local text = bpf.btf.dump()
    expect.truthy(#text > 1e6, #text)
    has(text, "\nstruct task_struct {")
  end)

  it("says what the kernel does not have", function()
    expect.error("the kernel has no type 'ebl_none'", bpf.btf.dump, "ebl_none")
    expect.error("takes the name of a type", bpf.btf.dump, 1)
  end)
end)
