--- Iterators: programs that walk what the kernel has, read as text and as records.
local bpf = require "bpf"
local cgroup = require "cgroup"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

--- Loads `source`, attaches its program `walk` to `spec`, and calls `fn` with the link.
local function walking(source, spec, options, fn)
  local obj = bpf.load { source = source }
  local link = kernel.attach(obj.programs.walk, spec, options)
  local ok, err = pcall(fn, link, obj)
  obj:close()
  if not ok then error(err, 0) end
end

local TASKS = [[
  struct entry { u32 pid, tid; char comm[TASK_COMM_LEN]; };
  SEC("iter/task") int walk(struct bpf_iter__task *ctx)
  {
    struct task_struct *task = ctx->task;
    struct entry e = {};
    if (!task) return 0;
    e.pid = task->tgid;
    e.tid = task->pid;
    bpf_probe_read_kernel_str(e.comm, sizeof(e.comm), task->comm);
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
  }]]

describe("iter", function()
  it("task: gives a record for each thread", function()
    walking(TASKS, nil, nil, function(link)
      local own, names = {}, {}
      for e in link:records "struct entry" do
        if e.tid == support.pid then own[#own + 1] = e:table() end
        names[e.comm] = true
      end
      expect.equal(own, { { pid = support.pid, tid = support.pid, comm = "ebpf-lua" } })
      expect.truthy(names.kthreadd, "the kernel's threads")
      expect.error("no type 'struct nothing'", link.records, link, "struct nothing")
    end)
  end)

  it("task: of one process", function()
    walking(TASKS, "iter:task", { pid = support.pid }, function(link)
      local found = {}
      for e in link:records "struct entry" do found[#found + 1] = e.pid end
      expect.equal(found, { support.pid })
    end)
  end)

  it("task: reads again what is there then", function()
    walking(TASKS, nil, nil, function(link)
      local function count()
        local found = 0
        for e in link:records "struct entry" do
          if e.comm == "iter_spec_child" then found = found + 1 end
        end
        return found
      end
      expect.equal(count(), 0)
      local child = io.popen("exec 2>/dev/null; printf iter_spec_child >/proc/self/comm; "
        .. "sh -c 'printf iter_spec_child >/proc/self/comm; read line'; :", "w")
      expect.truthy(support.eventually(function() return count() > 0 end), "the child")
      child:close()
      expect.truthy(support.eventually(function() return count() == 0 end), "its end")
    end)
  end)

  it("task_file: gives a line for each open file", function()
    local file = assert(io.open "/proc/self/maps")
    walking([[
      SEC("iter/task_file") int walk(struct bpf_iter__task_file *ctx)
      {
        struct task_struct *task = ctx->task;
        if (task && ctx->file)
          BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d\n", task->tgid, ctx->fd);
        return 0;
      }]], nil, nil, function(link)
      local found, opened = 0, support.sh(("ls /proc/%d/fd"):format(support.pid)).out
      for line in link:lines() do
        local pid, fd = line:match "^(%d+) (%d+)$"
        if tonumber(pid) == support.pid then
          found = found + 1
          expect.truthy(("\n" .. opened):find("\n" .. fd .. "\n", 1, true)
                        or not io.open(("/proc/%d/fd/%s"):format(support.pid, fd)), fd)
        end
      end
      expect.truthy(found >= 4, found .. " files") -- the three of every program, and ours
    end)
    file:close()
  end)

  --- Skips where the kernel has no such iterator: its types are not declared then.
  local function needs(target)
    local text = 'SEC("iter/%s") int smallest(void *ctx) { return 0; }'
    local obj = bpf.load { source = text:format(target) }
    local ok, err = pcall(obj.programs.smallest.load, obj.programs.smallest)
    obj:close()
    if not ok and (err.code == "not_found" or err.code == "not_supported") then
      skip(tostring(err))
    end
    if not ok then error(err, 0) end
  end

  it("task_vma: gives a line for each part of memory", function()
    needs "task_vma"
    local obj = bpf.load { constants = { target = support.pid }, source = [[
      const volatile u32 target;
      SEC("iter/task_vma") int walk(struct bpf_iter__task_vma *ctx)
      {
        struct task_struct *task = ctx->task;
        struct vm_area_struct *area = ctx->vma;
        if (task && area && task->tgid == target)
          BPF_SEQ_PRINTF(ctx->meta->seq, "%lx\n", area->vm_start);
        return 0;
      }]] }
    local starts = {}
    for line in kernel.attach(obj.programs.walk):lines() do starts[line] = true end
    local program = io.open("/proc/self/maps"):read "*l":match "^(%x+)-"
    expect.truthy(starts[program:gsub("^0+", "")], program)
    obj:close()
  end)

  it("bpf_map: finds a map by its id", function()
    walking([[
      HASH(iterated, u32, u64, 7);
      SEC("iter/bpf_map") int walk(struct bpf_iter__bpf_map *ctx)
      {
        struct bpf_map *map = ctx->map;
        if (map) BPF_SEQ_PRINTF(ctx->meta->seq, "%u %u\n", map->id, map->max_entries);
        return 0;
      }]], nil, nil, function(link, obj)
      local wanted = obj.maps.iterated:info().id .. " 7"
      local found = 0
      for line in link:lines() do
        if line == wanted then found = found + 1 end
      end
      expect.equal(found, 1)
    end)
  end)

  it("bpf_map_elem: walks the elements of a map, and asks for one", function()
    local SOURCE = [[
      HASH(numbers, u32, u64, 100);
      struct pair { u32 key; u64 value; };
      SEC("iter/bpf_map_elem") int walk(struct bpf_iter__bpf_map_elem *ctx)
      {
        struct pair pair = {};
        u32 *key = ctx->key;
        u64 *value = ctx->value;
        if (!key || !value) return 0;
        pair.key = *key;
        pair.value = *value;
        bpf_seq_write(ctx->meta->seq, &pair, sizeof(pair));
        return 0;
      }]]
    local obj = bpf.load { source = SOURCE }
    kernel.try(obj.programs.walk.load, obj.programs.walk)
    for i = 1, 50 do obj.maps.numbers[i] = i * i end
    local link = kernel.attach(obj.programs.walk, nil, { map = obj.maps.numbers })
    local seen = {}
    for pair in link:records "struct pair" do seen[pair.key] = pair.value end
    for i = 1, 50 do expect.equal(seen[i], i * i) end
    expect.error("iter:bpf_map_elem walks a map", obj.programs.walk.attach,
                 obj.programs.walk)
    obj:close()
  end)

  it("tcp: gives the listening sockets", function()
    local listener = assert(net.listener("127.0.0.1", 0))
    local _, port = listener:name()
    walking([[
      SEC("iter/tcp") int walk(struct bpf_iter__tcp *ctx)
      {
        struct sock_common *sk = ctx->sk_common;
        if (sk && sk->skc_family == 2)
          BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d\n", sk->skc_state, sk->skc_num);
        return 0;
      }]], nil, nil, function(link)
      local found = 0
      for line in link:lines() do
        if line == "10 " .. port then found = found + 1 end -- TCP_LISTEN
      end
      expect.equal(found, 1)
    end)
    listener:close()
  end)

  it("udp: gives the bound sockets", function()
    local socket = net.datagrams("127.0.0.1", 0)
    local _, port = socket:name()
    walking([[
      SEC("iter/udp") int walk(struct bpf_iter__udp *ctx)
      {
        struct udp_sock *udp = ctx->udp_sk;
        if (udp) BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", udp->inet.sk.__sk_common.skc_num);
        return 0;
      }]], nil, nil, function(link)
      local found = {}
      for line in link:lines() do found[line] = true end
      expect.truthy(found[tostring(port)], "port " .. port)
    end)
    socket:close()
  end)

  it("cgroup: walks a control group and those below it", function()
    needs "cgroup"
    cgroup.inside(function(path)
      support.sh(("mkdir %s/below"):format(path))
      walking([[
        SEC("iter/cgroup") int walk(struct bpf_iter__cgroup *ctx)
        {
          struct cgroup *group = ctx->cgroup;
          if (group) BPF_SEQ_PRINTF(ctx->meta->seq, "%s\n", group->kn->name);
          return 0;
        }]], "iter:cgroup:" .. path, nil, function(link)
        local names = {}
        for line in link:lines() do names[#names + 1] = line end
        expect.equal(names, { path:match "[^/]+$", "below" })
      end)
      support.sh(("rmdir %s/below"):format(path))
    end)
  end)

  it("says what is wrong", function()
    local obj = bpf.load { source = TASKS }
    expect.error("no iterator over 'tsk'", function()
      bpf.load { source = 'SEC("iter/tsk") int f(void *ctx) { return 0; }' }:attach()
    end)
    expect.error("only iter:cgroup takes a path", obj.programs.walk.attach,
                 obj.programs.walk, "iter:task:/x")
    obj:close()
    walking([[
      struct entry { u64 number; } last;
      SEC("iter/task") int walk(struct bpf_iter__task *ctx)
      {
        char text[3] = "abc";
        if (ctx->meta->seq_num == 0) bpf_seq_write(ctx->meta->seq, text, sizeof(text));
        return 0;
      }]], nil, nil, function(link)
      expect.error("3 bytes are no whole number of struct entry (8 bytes)", link.records,
                   link, "struct entry")
    end)
    local other = bpf.load { source =
      'SEC("tp_btf/sched_switch") int f(void *ctx) { return 0; }' }
    other:attach()
    expect.error("tp_btf:sched_switch is not read", other.links[1].read, other.links[1])
    other:close()
    ffi.C.ebl_flush()
  end)
end)
