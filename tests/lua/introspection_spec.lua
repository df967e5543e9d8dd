--- bpf.list_programs, list_maps, list_links: what the kernel tells of objects, this
--- process's and others'.
local bpf = require "bpf"
local kernel = require "kernel"
local program = require "program"
local support = require "support"

local SOURCE = [[
HASH(listed_map, u32, u64, 32);
SEC("raw_tracepoint/sys_enter")
int listed_program(void *ctx)
{
  u32 key = 1;
  u64 value = 2;
  bpf_map_update_elem(&listed_map, &key, &value, BPF_ANY);
  return 0;
}
SEC("xdp") int listed_xdp(struct xdp_md *ctx) { return XDP_PASS; }
SEC("cgroup/connect4") int listed_connect(struct bpf_sock_addr *ctx) { return 1; }
SEC("tracepoint/syscalls/sys_enter_getppid")
int listed_tracepoint(void *ctx) { return 0; }
]]

local function with_object(fn)
  local obj = bpf.load { source = SOURCE, name = "listed" }
  local ok, err = pcall(fn, obj)
  obj:close()
  if not ok then error(err, 0) end
end

local function by_id(list, id)
  for _, entry in ipairs(list) do
    if entry.id == id then return entry end
  end
end

local function contains(list, value)
  for _, one in ipairs(list) do
    if one == value then return true end
  end
  return false
end

describe("bpf.list_programs", function()
  it("tells type, name, sizes, maps and holders", function()
    with_object(function(obj)
      local link = obj.programs.listed_program:attach()
      local id, map_id = obj.programs.listed_program:id(), obj.maps.listed_map:info().id
      local entry = by_id(bpf.list_programs(), id)
      expect.equal(entry.type, "raw_tracepoint")
      expect.equal(entry.name, "listed_program")
      expect.truthy(entry.tag:match "^%x+$" and #entry.tag == 16, entry.tag)
      expect.truthy(entry.xlated_size > 0 and entry.xlated_size % 8 == 0)
      expect.truthy(entry.memlock >= 4096, entry.memlock)
      expect.equal(entry.uid, 0)
      local age = os.time() - entry.loaded_at
      expect.truthy(age >= -2 and age < 60 * support.patience, age)
      expect.truthy(contains(entry.map_ids, map_id))
      expect.truthy(contains(entry.pids, support.pid))
      expect.equal(#entry.comms, #entry.pids)
      link:close()
    end)
  end)

  it("counts runs while asked", function()
    with_object(function(obj)
      local counting = kernel.try(bpf.count_runs)
      obj.programs.listed_program:attach()
      local id = obj.programs.listed_program:id()
      expect.truthy(support.eventually(function()
        local entry = by_id(bpf.list_programs(), id)
        return entry.run_cnt > 0 and entry.run_time_ns > 0
      end))
      counting:close()
    end)
  end)

  it("sees another process's, and no longer when it has gone", function()
    local pid, id
    local function other()
      for _, entry in ipairs(bpf.list_programs()) do
        if entry.name == "others_program" then return entry end
      end
    end
    kernel.killed([[
      local obj = bpf.load { source = [=[
        SEC("raw_tracepoint/sys_enter") int others_program(void *ctx) { return 0; }]=] }
      obj:attach() print "attached" io.stdout:flush() bpf.run()]], function()
      local entry = other()
      pid, id = entry.pids[1], entry.id
      expect.equal(entry.comms[1], bpf.comm(pid))
      local of_links
      for _, one in ipairs(bpf.list_links()) do
        if one.program_id == id then of_links = one end
      end
      expect.equal(of_links.target, "sys_enter")
      expect.truthy(contains(of_links.pids, pid))
    end, function() return not other() end)
    expect.truthy(pid and pid ~= support.pid)
  end)

  it("goes out as JSON", function()
    local result = support.run("--json -e " .. support.quote(
      "for _, map in ipairs(bpf.list_maps()) do print(map) end"))
    expect.equal(result.code, 0)
    for line in result.out:gmatch "[^\n]+" do
      expect.truthy(line:match '^{.*"type":"%l.*}$', line)
    end
  end)

  it("without the privilege says which", function()
    program.needs_sys_admin("bpf.list_programs()", "cannot list programs")
  end)
end)

describe("bpf.list_maps", function()
  it("tells type, sizes and holders", function()
    with_object(function(obj)
      obj.programs.listed_program:load()
      local id = obj.maps.listed_map:info().id
      local entry = by_id(bpf.list_maps(), id)
      expect.equal(entry.type, "hash")
      expect.equal(entry.name, "listed_map")
      expect.equal(entry.key_size, 4)
      expect.equal(entry.value_size, 8)
      expect.equal(entry.max_entries, 32)
      expect.equal(entry.frozen, false)
      expect.truthy(entry.memlock > 0)
      expect.truthy(contains(entry.pids, support.pid))
    end)
  end)
end)

describe("bpf.list_links", function()
  local function listed(obj, name, spec)
    local link = kernel.attach(obj.programs[name], spec)
    local id = link:info().id
    local entry = by_id(bpf.list_links(), id)
    expect.equal(entry.program_id, obj.programs[name]:id())
    expect.truthy(contains(entry.pids, support.pid))
    return entry
  end

  it("tells a raw tracepoint's name", function()
    with_object(function(obj)
      local entry = listed(obj, "listed_program")
      expect.equal(entry.type, "raw_tracepoint")
      expect.equal(entry.target, "sys_enter")
    end)
  end)

  it("tells an interface", function()
    with_object(function(obj)
      local entry = listed(obj, "listed_xdp", "xdp:lo:generic")
      expect.equal(entry.type, "xdp")
      expect.equal(entry.target, "lo")
      expect.equal(entry.ifindex, 1)
    end)
  end)

  it("tells a control group by its path, and the hook", function()
    with_object(function(obj)
      local mount = support.sh("awk '$3 == \"cgroup2\" { print $2; exit }' /proc/mounts")
                    .out:match "%S+"
      if not mount then skip "no cgroup2 is mounted" end
      local entry = listed(obj, "listed_connect", ("cgroup:%s:connect4"):format(mount))
      expect.equal(entry.type, "cgroup")
      expect.equal(entry.target, mount)
      expect.equal(entry.attach_type, "cgroup_inet4_connect")
    end)
  end)

  it("tells a tracepoint where the kernel does", function()
    with_object(function(obj)
      local link = obj.programs.listed_tracepoint:attach()
      if not pcall(link.info, link) or not link:info().id then
        skip "the kernel has no link for a tracepoint"
      end
      local entry = by_id(bpf.list_links(), link:info().id)
      if not entry then skip "the kernel lists no link for a tracepoint" end
      expect.equal(entry.type, "perf_event")
      if not entry.target then skip "the kernel tells nothing of perf links" end
      expect.equal(entry.attach_type, "tracepoint")
      expect.equal(entry.target, "sys_enter_getppid")
    end)
  end)
end)
