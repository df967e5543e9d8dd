--- BCC C: pointers of probes, which read the memory of the kernel or of a process.
--- Every value is compared with what this process knows about itself.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getppid(void);
]]

-- PUT(slot, value) and TEXT(slot, pointer to 16 bytes) hand values to the test.
local PRELUDE = [[
  #include <uapi/linux/ptrace.h>
  #include <linux/sched.h>
  #include <linux/fs.h>
  struct text { char bytes[16]; };
  BPF_ARRAY(numbers, u64, 32);
  BPF_ARRAY(texts, struct text, 8);
  #define PUT(slot, value) do { int place = slot; u64 number = value; \
      numbers.update(&place, &number); } while (0)
  #define TEXT(slot, from) do { int place = slot; struct text text = {}; \
      __builtin_memcpy(&text, from, 16); texts.update(&place, &text); } while (0)
]]

local function first_line(path)
  local file = assert(io.open(path))
  local line = file:read("*a")
  file:close()
  return line
end

local function shell(command)
  return (support.sh(command).out:gsub("%s+$", ""))
end

local ME = support.pid
local PARENT = tonumber(ffi.C.getppid())
local COMM = first_line("/proc/self/comm"):gsub("\n", "")
local UTS = tonumber(shell(("stat -Lc %%i /proc/%d/ns/uts"):format(ME)))
local PROGRAM = support.program:match("[^/]+$")

--- Loads PRELUDE and `source`, attaches, lets this process call getppid(), and returns
--- the object.
local function observe(source)
  local obj = bpf.load { source = PRELUDE .. source,
                         cflags = { "-DME=" .. ME .. "ul" } }
  obj:attach()
  ffi.C.getppid()
  return obj
end

--- The body of a program that runs when this process calls getppid(), with `task` as it.
local function on_getppid(body, before)
  return (before or "") .. [[
    RAW_TRACEPOINT_PROBE(sys_enter) {
      struct task_struct *task = (struct task_struct *)bpf_get_current_task();
      if (bpf_get_current_pid_tgid() >> 32 != ME || ctx->args[1] != 110) return 0;
  ]] .. body .. "\nreturn 0; }"
end

describe("a pointer in a probe of BCC C", function()
  it("is followed through chains", function()
    local obj = observe(on_getppid [[
      PUT(0, task->tgid);
      PUT(1, task->real_parent->tgid);
      PUT(2, task->nsproxy->uts_ns->ns.inum);
      PUT(3, task->group_leader->real_parent->group_leader->tgid);
      PUT(4, (*task).tgid);
    ]])
    expect.equal(obj.maps.numbers[0], ME)
    expect.equal(obj.maps.numbers[1], PARENT)
    expect.equal(obj.maps.numbers[2], UTS)
    expect.equal(obj.maps.numbers[3], PARENT)
    expect.equal(obj.maps.numbers[4], ME)
    obj:close()
  end)

  it("is read as an array: whole, by a constant index, by a variable one", function()
    local obj = observe(on_getppid [[
      TEXT(0, task->comm);
      PUT(0, task->comm[0]);
      PUT(1, *(task->comm + 1));
      int n = task->comm[0] & 0x3;
      PUT(2, task->comm[n]);
      PUT(3, n);
    ]])
    expect.equal(obj.maps.texts[0].bytes, COMM)
    expect.equal(obj.maps.numbers[0], COMM:byte(1))
    expect.equal(obj.maps.numbers[1], COMM:byte(2))
    expect.equal(obj.maps.numbers[2], COMM:byte(obj.maps.numbers[3] + 1))
    obj:close()
  end)

  it("is read in a macro, a static function, a loop and a comparison", function()
    local obj = observe(on_getppid([[
      PUT(0, TGID(task->real_parent));
      PUT(1, tgid_of(parent_of(task)));
      struct task_struct *at = task;
      #pragma unroll
      for (int i = 0; i < 2; i++) if (at->tgid != 1) at = at->real_parent;
      PUT(2, at->tgid == 1 || at->tgid != task->tgid);
      PUT(3, memcmp(task->comm, OWN, 3) == 0);
      PUT(4, memcmp(task->comm, "~~~", 3) == 0);
    ]], ([[
      #define OWN "%s"
      #define TGID(t) ((t)->tgid)
      static struct task_struct *parent_of(struct task_struct *t) {
        return t->real_parent;
      }
      static __attribute__((noinline)) int tgid_of(struct task_struct *t) {
        return TGID(t);
      }
    ]]):format(COMM:sub(1, 3))))
    expect.equal(obj.maps.numbers[0], PARENT)
    expect.equal(obj.maps.numbers[1], PARENT)
    expect.equal(obj.maps.numbers[2], 1)
    expect.equal(obj.maps.numbers[3], 1)
    expect.equal(obj.maps.numbers[4], 0)
    obj:close()
  end)

  it("reaches names, structs copied whole, bit-fields and unions", function()
    local obj = observe(on_getppid [[
      struct dentry *entry = task->mm->exe_file->f_path.dentry;
      struct qstr name = entry->d_name;
      struct path path = task->mm->exe_file->f_path;
      struct net_device *loopback = task->nsproxy->net_ns->loopback_dev;
      TEXT(0, entry->d_name.name);
      TEXT(1, name.name);
      TEXT(2, path.dentry->d_name.name);
      TEXT(3, loopback->name);
      PUT(0, name.len);
      PUT(1, entry->d_name.len);
      PUT(2, task->in_execve);
      PUT(3, loopback->flags);
    ]])
    for place = 0, 2 do
      expect.equal(obj.maps.texts[place].bytes, PROGRAM)
    end
    expect.equal(obj.maps.texts[3].bytes, "lo")
    expect.equal(obj.maps.numbers[0], #PROGRAM)
    expect.equal(obj.maps.numbers[1], #PROGRAM)
    expect.equal(obj.maps.numbers[2], 0)
    expect.truthy(obj.maps.numbers[3] % 16 >= 8, "IFF_LOOPBACK")
    obj:close()
  end)

  it("leads to memory of the process as well", function()
    local obj = observe(on_getppid [[
      char *argument = (char *)task->mm->arg_start;
      PUT(0, argument[0]);
      PUT(1, *(argument + 1));
      TEXT(0, argument);
    ]])
    local cmdline = first_line("/proc/self/cmdline")
    expect.equal(obj.maps.numbers[0], cmdline:byte(1))
    expect.equal(obj.maps.numbers[1], cmdline:byte(2))
    expect.equal(obj.maps.texts[0].bytes, cmdline:sub(1, 16):match("^%Z*"))
    obj:close()
  end)

  it("may have been kept in a map, in a struct and on the stack", function()
    local obj = observe(on_getppid([[
      u32 key = 1;
      tasks.update(&key, &task);
      struct task_struct **kept = tasks.lookup(&key);
      if (kept) PUT(0, (*kept)->tgid);
      struct entry entry = {.task = task, .n = 7};
      entries.update(&key, &entry);
      struct entry *found = entries.lookup(&key);
      if (found) { PUT(1, found->task->real_parent->tgid); PUT(2, found->n); found->n++; }
      found = entries.lookup(&key);
      if (found) PUT(3, found->n);
      struct task_struct *parent = NULL;
      bpf_probe_read_kernel(&parent, sizeof(parent), &task->real_parent);
      PUT(4, parent->tgid);
    ]], [[
      struct entry { struct task_struct *task; int n; };
      BPF_HASH(tasks, u32, struct task_struct *);
      BPF_HASH(entries, u32, struct entry);
    ]]))
    expect.equal(obj.maps.numbers[0], ME)
    expect.equal(obj.maps.numbers[1], PARENT)
    expect.equal(obj.maps.numbers[2], 7)
    expect.equal(obj.maps.numbers[3], 8)
    expect.equal(obj.maps.numbers[4], PARENT)
    obj:close()
  end)

  it("may point to the stack, to a map value or to the kernel, by a condition", function()
    local obj = observe(on_getppid([[
      struct pair own = {.tgid = 11}, *from = &own;
      u32 key = 0;
      if (task->tgid == ME) from = (struct pair *)&task->tgid;
      PUT(0, from->tgid);
      from = task->tgid == ME ? &own : (struct pair *)&task->tgid;
      PUT(1, from->tgid);
      pairs.update(&key, &own);
      struct pair *value = pairs.lookup(&key);
      if (!value) return 0;
      struct pair *either = ctx->args[1] == 110 ? value : (struct pair *)&task->tgid;
      PUT(2, either->tgid);
    ]], [[
      struct pair { int tgid, other; };
      BPF_HASH(pairs, u32, struct pair);
    ]]))
    expect.equal(obj.maps.numbers[0], ME)
    expect.equal(obj.maps.numbers[1], 11)
    expect.equal(obj.maps.numbers[2], 11)
    obj:close()
  end)

  it("reads zeros where it leads nowhere", function()
    local obj = observe(on_getppid [[
      struct task_struct *nowhere = (void *)(0xdead000000000000ul + task->tgid);
      PUT(0, nowhere->tgid + 5);
      PUT(1, ((struct task_struct *)8)->real_parent->tgid + 6);
    ]])
    expect.equal(obj.maps.numbers[0], 5)
    expect.equal(obj.maps.numbers[1], 6)
    obj:close()
  end)

  it("is read from many places within the stack's 512 bytes", function()
    local reads = {}
    for n = 1, 40 do reads[n] = ("sum += task->real_parent->tgid + %d;"):format(n) end
    local obj = observe(on_getppid("u64 sum = 0;" .. table.concat(reads, "\n")
                                   .. "PUT(0, sum);"))
    expect.equal(obj.maps.numbers[0], 40 * PARENT + 820)
    obj:close()
  end)

  it("works in a function that a helper calls", function()
    local obj = kernel.try(observe, on_getppid([[
      struct state state = {.task = task};
      bpf_loop(3, step, &state, 0);
      PUT(0, state.sum);
    ]], [[
      struct state { struct task_struct *task; u64 sum; };
      static int step(u32 n, struct state *state) {
        state->sum += state->task->real_parent->tgid;
        return 0;
      }
    ]]))
    expect.equal(obj.maps.numbers[0], 3 * PARENT)
    obj:close()
  end)
end)

describe("the programs in which pointers are followed", function()
  it("are tracepoints", function()
    local obj = observe [[
      TRACEPOINT_PROBE(syscalls, sys_enter_getppid) {
        struct task_struct *task = (struct task_struct *)bpf_get_current_task();
        if (task->tgid != ME) return 0;
        PUT(0, task->real_parent->tgid);
        PUT(1, args->__syscall_nr);
        return 0;
      }]]
    expect.equal(obj.maps.numbers[0], PARENT)
    expect.equal(obj.maps.numbers[1], 110)
    obj:close()
  end)

  it("are raw tracepoints, whose arguments are pointers", function()
    local obj = observe [[
      RAW_TRACEPOINT_PROBE(sched_process_exec) {
        struct task_struct *task = (struct task_struct *)ctx->args[0];
        struct linux_binprm *binary = (struct linux_binprm *)ctx->args[2];
        if (binary->filename[5] != 't' || binary->filename[6] != 'r') return 0;
        TEXT(0, binary->filename);
        PUT(0, task->in_execve);
        return 0;
      }]]
    support.sh("exec /bin/true")
    expect.equal(obj.maps.texts[0].bytes, "/bin/true")
    obj:close()
  end)

  it("are uprobes, with their arguments as parameters", function()
    local obj = bpf.load { source = PRELUDE .. [[
      int on_getenv(struct pt_regs *ctx, char *name) {
        struct task_struct *task = (struct task_struct *)bpf_get_current_task();
        if (task->tgid != ME || name[0] != 'E' || name[1] != 'B') return 0;
        TEXT(0, name);
        PUT(0, name[4]);
        PUT(1, task->real_parent->tgid);
        return 0;
      }]], cflags = { "-DME=" .. ME } }
    obj.programs.on_getenv:attach("uprobe:libc:getenv", { pid = ME })
    os.getenv("EBL_DEREFERENCE")
    expect.equal(obj.maps.texts[0].bytes, "EBL_DEREFERENCE")
    expect.equal(obj.maps.numbers[0], ("D"):byte())
    expect.equal(obj.maps.numbers[1], PARENT)
    obj:close()
  end)

  it("are perf events, whose context is read as it is", function()
    local obj = bpf.load { source = PRELUDE .. [[
      int on_sample(struct bpf_perf_event_data *ctx) {
        struct task_struct *task = (struct task_struct *)bpf_get_current_task();
        if (task->tgid != ME) return 0;
        PUT(0, task->real_parent->tgid);
        PUT(1, ctx->sample_period);
        return 0;
      }]], cflags = { "-DME=" .. ME } }
    obj.programs.on_sample:attach("perf:cpu-clock:100000")
    local began = os.clock()
    while obj.maps.numbers[0] == 0 and os.clock() - began < 5 do
      for _ = 1, 1e5 do ffi.C.getppid() end
    end
    expect.equal(obj.maps.numbers[0], PARENT)
    expect.equal(obj.maps.numbers[1], 100000)
    obj:close()
  end)

  it("are kprobes: the text compiles to the same reads", function()
    bpf.load { load = false, source = PRELUDE .. [[
      int kprobe__vfs_open(struct pt_regs *ctx, const struct path *path,
                           struct file *file) {
        TEXT(0, path->dentry->d_name.name);
        PUT(0, file->f_inode->i_ino);
        return 0;
      }
      int kretprobe__vfs_open(struct pt_regs *ctx) { PUT(1, PT_REGS_RC(ctx)); return 0; }
    ]] }
  end)
end)

describe("what a pointer cannot do", function()
  local function refused(body)
    local ok, err = pcall(bpf.load, { load = false, source = PRELUDE .. on_getppid(body),
                                      cflags = { "-DME=" .. ME } })
    expect.equal(ok, false)
    return err
  end

  it("is to be written through: an error at the C line", function()
    for _, statement in ipairs {
      "task->tgid = 1;", "task->real_parent->tgid++;",
      "__sync_fetch_and_add(&task->tgid, 1);", "__builtin_memset(task->comm, 0, 16);",
      "struct path p = {}; *(struct path *)&task->mm->exe_file->f_path = p;",
    } do
      local err = refused("\n" .. statement)
      expect.truthy(err.message:find("cannot write through this pointer", 1, true),
                    err.message)
      expect.truthy(err.detail:find(statement, 1, true), err.detail)
    end
  end)
end)
