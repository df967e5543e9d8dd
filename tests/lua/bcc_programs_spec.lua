--- The programs of BCC C: how they are declared, and what they see.
local bpf = require "bpf"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local rows = require "bcc_rows"
local expect = harness.expect
local row = rows.of "programs"

ffi.cdef [[
int getppid(void);
int kill(int pid, int signal);
long syscall(long number, ...);
int close(int fd);
]]
local C = ffi.C

local PID = ("#define ME %d\n#define IS_ME (bpf_get_current_pid_tgid() >> 32 == ME)\n")
  :format(support.pid)

--- Loads BCC C; its first line is that of the text.
local function load(text, options)
  local request = { source = PID .. text, dialect = "bcc", name = "rows" }
  for name, value in pairs(options or {}) do request[name] = value end
  return kernel.try(bpf.load, request)
end

--- What `text`, with a map `seen` of numbers by number, puts there while `fn` runs.
local function see(text, fn, attach)
  local obj = load("BPF_HASH(seen, u64, u64);\n" .. text)
  kernel.try(attach or obj.attach, obj)
  fn()
  local seen = {}
  for key, value in obj.maps.seen:pairs() do seen[key] = value end
  obj:close()
  return seen
end

local PUT = "static void put(u64 key, u64 value) { seen.update(&key, &value); }\n"

local function call_kill() C.kill(support.pid, 0) end

harness.describe("a program of BCC C", function()
  row("kprobe__FN: a kprobe, by its name", function()
    local seen = see(PUT .. [[
      int kprobe__vfs_statx(struct pt_regs *ctx)
      { if (IS_ME) put(1, PT_REGS_IP(ctx) != 0); return 0; }]],
      function() io.open("/proc/self/stat"):close(); os.rename("/nonexistent", "/x")
        os.execute("true") C.syscall(4, ffi.cast("const char *", "/"),
          ffi.new("char[256]")) end)
    expect.equal(seen, { [1] = 1 })
  end)

  row("kretprobe__FN: the return, by its name", function()
    local seen = see(PUT .. [[
      int kretprobe____x64_sys_getppid(struct pt_regs *ctx)
      { if (IS_ME) put(1, PT_REGS_RC(ctx)); return 0; }]],
      function() C.getppid() end)
    expect.equal(seen, { [1] = C.getppid() })
  end)

  row("arguments after the context come from registers", function()
    local seen = see(PUT .. [[
      int on_call(struct pt_regs *ctx, long number, int a, u8 b, void *c, bool d, s64 e)
      {
        if (!IS_ME || number != 39) return 0;
        put(0, number); put(1, a); put(2, b); put(3, (u64)c); put(4, d); put(5, e);
        return 0;
      }
      int unused(struct pt_regs *ctx, int, int unused) { return 0; }]],
      function() C.syscall(39, ffi.cast("long", 11), ffi.cast("long", 0x1ff),
                           ffi.cast("long", 33), ffi.cast("long", 2),
                           ffi.cast("long", -5)) end,
      function(obj)
        obj.programs.on_call:attach("uprobe:libc:syscall")
        obj.programs.unused:attach("uprobe:libc:getppid")
      end)
    seen[5] = tonumber(ffi.cast("int64_t", ffi.cast("uint64_t", seen[5])))
    expect.equal(seen, { [0] = 39, 11, 0xff, 33, 1, -5 })
  end)

  row("an argument that no register holds is refused", function()
    expect.error("too many arguments", load,
                 "int f(void *ctx, int a, int b, int c, int d, int e, int g, int h)"
                 .. " { return 0; }")
    expect.error("not in one register", load,
                 "struct s { long a[2]; };\nint f(struct pt_regs *ctx, struct s a)"
                 .. " { return 0; }")
  end)

  row("syscall__X and kprobe__sys_X: arguments of the call itself", function()
    local text = PUT .. [[
      int kprobe__sys_kill(struct pt_regs *ctx, int pid, int signal)
      { if (IS_ME) { put(1, pid); put(2, signal + 100); } return 0; }
      int syscall__close(struct pt_regs *ctx, unsigned int fd)
      { if (IS_ME && fd == 98765) put(3, fd); return 0; }]]
    local section = load("BPF_HASH(seen, u64, u64);\n"
      .. text).programs.kprobe__sys_kill.section
    expect.equal(section, ffi.arch == "arm64" and "kprobe/__arm64_sys_kill"
                          or "kprobe/__x64_sys_kill")
    local seen = see(text, function() call_kill() C.close(98765) end, function(obj)
      obj:attach()
      local spec = section:gsub("/", ":"):gsub("kill", "close")
      obj.programs.syscall__close:attach(spec)
    end)
    expect.equal(seen, { support.pid, 100, 98765 })
  end)

  row("TRACEPOINT_PROBE: attached by its name", function()
    local seen = see(PUT .. [[
      TRACEPOINT_PROBE(syscalls, sys_enter_kill)
      { if (IS_ME) { put(1, args->pid); put(2, args->sig); put(3, args->__syscall_nr); }
        return 0; }]], call_kill)
    expect.equal(seen, { support.pid, 0, 62 })
  end)

  row("struct tracepoint__CATEGORY__EVENT in any function", function()
    local seen = see(PUT .. [[
      static u64 pid_of(struct tracepoint__syscalls__sys_enter_kill *record)
      { return record->pid; }
      int on_kill(struct tracepoint__syscalls__sys_enter_kill *record)
      { if (IS_ME) put(1, pid_of(record)); return 0; }]], call_kill,
      function(obj) obj.programs.on_kill:attach("tracepoint:syscalls:sys_enter_kill") end)
    expect.equal(seen, { support.pid })
  end)

  row("the fields of every tracepoint lie where tracefs says", function()
    local events = support.sh("ls -d /sys/kernel/tracing/events/*/*/format").out
    local text, count = {}, 0
    for category, event in events:gmatch("events/([%w_]+)/([%w_]+)/format") do
      local file = io.open(("/sys/kernel/tracing/events/%s/%s/format")
        :format(category, event))
      local format = file:read("*a")
      file:close()
      local tag = ("tracepoint__%s__%s"):format(category, event)
      for field, offset, size in format:gmatch(
        "field:([^;]+);%s*offset:(%d+);%s*size:(%d+);") do
        local name = field:gsub("%b[]$", ""):match("([%w_]+)$")
        if name and not name:find("^common_") then
          local member = field:find("^__data_loc") and "data_loc_" .. name
            or field:find("^__rel_loc") and "rel_loc_" .. name or name
          text[#text + 1] = ("_Static_assert(__builtin_offsetof(struct %s, %s) == %s && "
            .. "sizeof(((struct %s *)0)->%s) == %s, \"%s.%s\");\n")
            :format(tag, member, offset, tag, member, size, tag, member)
          count = count + 1
        end
      end
    end
    expect.truthy(count > 1000, "fields: " .. count)
    load(table.concat(text), { load = false })
  end)

  row("TP_DATA_LOC_READ, _CONST, _STR", function()
    local obj = load [[
      struct event { char plain[64]; char fixed[8]; char text[64]; int length; };
      BPF_PERF_OUTPUT(events);
      TRACEPOINT_PROBE(sched, sched_process_exec)
      {
        struct event e = {};
        TP_DATA_LOC_READ(e.plain, filename);
        TP_DATA_LOC_READ_CONST(e.fixed, filename, 4);
        e.length = TP_DATA_LOC_READ_STR(e.text, filename, sizeof(e.text));
        events.perf_submit(args, &e, sizeof(e));
        return 0;
      }]]
    local found
    obj.maps.events:each(function(e)
      if e.text:find("ebl_no_name") then found = e:table() end
    end)
    obj:attach()
    support.sh("ln -s /bin/true /tmp/ebl_no_name; /tmp/ebl_no_name; rm /tmp/ebl_no_name")
    bpf.poll(200)
    obj:close()
    expect.truthy(found, "the event")
    expect.equal(found, { plain = "/tmp/ebl_no_name", fixed = "/tmp",
                          text = "/tmp/ebl_no_name", length = 17 })
  end)

  row("RAW_TRACEPOINT_PROBE", function()
    local seen = see(PUT .. [[
      RAW_TRACEPOINT_PROBE(sys_enter)
      { if (IS_ME && ctx->args[1] == 62) put(1, ctx->args[1]); return 0; }]], call_kill)
    expect.equal(seen, { 62 })
  end)

  row("KFUNC_PROBE", function()
    local seen = see(PUT .. [[
      KFUNC_PROBE(__x64_sys_kill, struct pt_regs *regs)
      { if (IS_ME) put(1, regs->di); return 0; }]], call_kill)
    expect.equal(seen, { support.pid })
  end)

  row("KRETFUNC_PROBE", function()
    local seen = see(PUT .. [[
      KRETFUNC_PROBE(__x64_sys_kill, struct pt_regs *regs, long ret)
      { if (IS_ME) { put(1, regs->di); put(2, ret + 1); } return 0; }]], call_kill)
    expect.equal(seen, { support.pid, 1 })
  end)

  for _, name in ipairs { "MODULE_KFUNC_PROBE", "MODULE_KRETFUNC_PROBE" } do
    row(name, function()
      local seen = see(PUT .. ([[
        %s(vmlinux, __x64_sys_kill, struct pt_regs *regs)
        { if (IS_ME) put(1, regs->di); return 0; }]]):format(name), call_kill)
      expect.equal(seen, { support.pid })
    end)
  end

  row("KMOD_RET", function()
    local seen = see(PUT .. [[
      KMOD_RET(security_task_kill, struct task_struct *p, struct kernel_siginfo *info,
               int sig, const struct cred *cred, int ret)
      { if (IS_ME) put(1, sig + 100); return 0; }]], call_kill)
    expect.equal(seen, { 100 })
  end)

  row("LSM_PROBE", function()
    local seen = see(PUT .. [[
      LSM_PROBE(task_kill, struct task_struct *p, struct kernel_siginfo *info, int sig)
      { if (IS_ME) put(1, sig + 100); return 0; }]], call_kill)
    expect.equal(seen, { 100 })
  end)

  row("BPF_ITER", function()
    local obj = load [[
      BPF_ITER(task)
      {
        struct task_struct *task = ctx->task;
        if (task) BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", task->tgid);
        return 0;
      }]]
    expect.equal(obj.programs.bpf_iter__task.section, "iter/task")
    local walk = kernel.attach(obj.programs.bpf_iter__task)
    local found = {}
    for line in walk:lines() do found[line] = true end
    expect.truthy(found[tostring(support.pid)], "this process")
    obj:close()
  end)

  row("BPF_PROG", function()
    local seen = see(PUT .. [[
      BPF_PROG(on_switch, bool preempt, struct task_struct *prev,
        struct task_struct *next)
      { put(1, 1); return 0; }]], function() support.sleep(0.05) end,
      function(obj) obj.programs.on_switch:attach("raw_tracepoint:sched_switch") end)
    expect.equal(seen, { 1 })
  end)

  row("a plain function: its type is chosen when it is attached", function()
    local obj = load [[
      BPF_HASH(seen, u64, u64);
      int one(void *ctx) { seen.increment(1); return 0; }
      int two(void *ctx) { seen.increment(2); return 0; }
      int wrong(struct __sk_buff *skb) { return *(int *)(long)skb->len; }]]
    obj.programs.one:attach("tracepoint:syscalls:sys_enter_kill")
    obj.programs.two:attach("uprobe:libc:kill", { pid = support.pid })
    call_kill()
    expect.truthy(obj.maps.seen[1] >= 1, "the tracepoint")
    expect.equal(obj.maps.seen[2], 1)
    expect.error("names no hook", obj.programs.wrong.attach, obj.programs.wrong)
    obj:close()
  end)

  row("the macros of registers", function()
    local seen = see(PUT .. [[
      int on_kill(struct pt_regs *ctx)
      {
        put(1, PT_REGS_PARM1(ctx)); put(2, PT_REGS_PARM2(ctx) + 1);
        put(3, PT_REGS_IP(ctx) != 0); put(4, PT_REGS_SP(ctx) != 0);
        put(5, PT_REGS_FP(ctx) != 1);
          put(6, PT_REGS_PARM3(ctx) != 1 || PT_REGS_PARM4(ctx) != 1);
        put(7, PT_REGS_PARM5(ctx) != 1);
        return 0;
      }
      int on_return(struct pt_regs *ctx) { put(8, PT_REGS_RC(ctx) + 9); return 0; }]],
        call_kill,
      function(obj)
        obj.programs.on_kill:attach("uprobe:libc:kill", { pid = support.pid })
        obj.programs.on_return:attach("uretprobe:libc:kill", { pid = support.pid })
      end)
    expect.equal(seen, { support.pid, 1, 1, 1, 1, 1, 1, 9 })
  end)

  row("a function that calls another, static or not", function()
    local seen = see(PUT .. [[
      u64 twice(u64 n) { return n * 2; }
      int shared(struct pt_regs *ctx, int n) { put(1, twice(n)); return n; }
      int on_kill(struct pt_regs *ctx) { put(2, shared(ctx, 21)); return 0; }]],
        call_kill,
      function(obj) obj.programs.on_kill:attach("uprobe:libc:kill",
        { pid = support.pid }) end)
    expect.equal(seen, { 42, 21 })
  end)

  row("a program that returns nothing", function()
    local seen = see(PUT .. "void f(void *ctx) { put(1, 1); }", call_kill,
      function(obj) obj.programs.f:attach("uprobe:libc:kill", { pid = support.pid }) end)
    expect.equal(seen, { 1 })
  end)

  row("BPF_LICENSE", function()
    load("#define BPF_LICENSE Dual BSD/GPL\nint f(void *ctx)"
         .. " { return bpf_get_current_task()"
         .. " != 0; }").programs.f:attach("tracepoint:syscalls:sys_enter_kill"):close()
    local closed = load("#define BPF_LICENSE Proprietary\nint f(void *ctx)"
                        .. " { return bpf_get_current_task() != 0; }")
    expect.error("GPL", closed.programs.f.attach, closed.programs.f,
                 "tracepoint:syscalls:sys_enter_kill")
    expect.error("defined in the text, not by a flag", load,
      "int f(void *ctx) { return 0; }",
                 { cflags = { "-DBPF_LICENSE=GPL" } })
  end)

  row("kernel headers are accepted", function()
    local seen = see(([[
      #include <uapi/linux/ptrace.h>
      #include <linux/sched.h>
      #include <net/inet_sock.h>
      #include <bcc/proto.h>
      #include <linux/blk-mq.h>
      #if !defined(__x86_64__) && !defined(__aarch64__)
      #error the macros of the machine
      #endif
      PUT
      int f(void *ctx)
      { put(1, sizeof(struct task_struct) > 100); put(2, AF_INET6); put(3, ETH_P_IP);
        put(4, TASK_COMM_LEN); put(5, NSEC_PER_USEC); return 0; }]])
      :gsub("PUT", PUT), call_kill,
      function(obj) obj.programs.f:attach("uprobe:libc:kill", { pid = support.pid }) end)
    expect.equal(seen, { 1, 10, 0x800, 16, 1000 })
  end)

  row.complete()
end)
