--- What the kernel refuses for want of a privilege, a file system or its own abilities:
--- one sentence with the name of the thing, what to do, and the exit code.
local program = require "program"
local support = require "support"

local quote, failed = support.quote, program.failed

local PROBE = [==[
local bpf = require "bpf"
local obj = bpf.load { source = [[
  RINGBUF(events, u64, 4096);
  SEC("%s") int refused_spec(void *ctx) { return 0; }
]] }
obj:attach()
print "attached"
]==]
local TRACEPOINT = PROBE:format("tracepoint/syscalls/sys_enter_getppid")

--- Runs a script under a shell prefix, where everybody may read the script.
local function under(prefix, script)
  local result
  program.with_files({ ["probe.lua"] = script or TRACEPOINT }, function(folder)
    support.sh("chmod 755 " .. folder)
    local command = ("%s %s %s/probe.lua"):format(prefix, quote(support.program), folder)
    result = support.sh(command)
  end)
  return result
end

local function needs(...)
  for _, command in ipairs { ... } do
    if support.sh("command -v " .. command).code ~= 0 then skip("no " .. command) end
  end
end

--- Whether the program can be run by a user without privileges from where it lies.
local function needs_readable_program()
  needs "setpriv"
  -- By a shell: setpriv itself still has root's rights when it starts a program.
  if support.sh(("setpriv --reuid 65534 --regid 65534 --clear-groups sh -c %s"):format(
                quote(quote(support.program) .. " -V"))).code ~= 0 then
    skip "the program lies in a folder of root"
  end
end

describe("a missing privilege", function()
  local DROP = "setpriv --inh-caps -all --bounding-set -"

  it("of root is named, with where it was dropped: exit code 3", function()
    needs "setpriv"
    failed(under(DROP .. "bpf,-perfmon,-sys_admin"), 3, "ebpf-lua: cannot load",
           "CAP_BPF and CAP_PERFMON are missing, although this is root",
           "hint: the container or service dropped it")
    failed(under(DROP .. "bpf,-sys_admin"), 3,
           "CAP_BPF is missing, although this is root")
    failed(under(DROP .. "perfmon,-sys_admin"), 3, "program 'refused_spec'",
           "CAP_PERFMON is missing, although this is root")
  end)

  it("of a user is named, with how to get it: exit code 3", function()
    needs_readable_program()
    failed(under("setpriv --reuid 65534 --regid 65534 --clear-groups"), 3,
           "CAP_BPF and CAP_PERFMON are missing", "hint: run it with sudo")
  end)

  it("does not matter to load = false", function()
    needs_readable_program()
    local result = under("setpriv --reuid 65534 --regid 65534 --clear-groups", [[
      local bpf = require "bpf"
      print(bpf.load { source = "struct task_struct *task; HASH(h, u32, u64, 8);",
                       load = false, name = "mine" })
    ]])
    expect.equal(result.err, "")
    expect.equal(result.out, "object: mine\n")
  end)

  it("in a user namespace is explained", function()
    needs "unshare"
    local result = under("unshare -U -r")
    if result.err:find("unshare failed", 1, true) then skip(result.err) end
    failed(result, 3, "this is a user namespace, whose capabilities the kernel",
           "hint: run it in the initial user namespace")
  end)
end)

describe("tracefs that is not mounted", function()
  local UNMOUNT = "for i in 1 2 3; do umount -R /sys/kernel/tracing || "
    .. "umount -R /sys/kernel/debug || break; done 2>/dev/null; "
    .. "! grep -q ' tracefs ' /proc/self/mounts || { echo still mounted; exit 99; }; "

  --- Runs `command` where no tracefs is mounted.
  local function without_tracefs(command)
    needs "unshare"
    local result = support.sh("unshare -m bash -c " .. quote(UNMOUNT .. command))
    if result.code == 99 then skip "tracefs stays mounted" end
    return result
  end

  it("is mounted where we may", function()
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write(TRACEPOINT)
    file:close()
    local result = without_tracefs(("%s - <%s && grep -c ' tracefs ' /proc/self/mounts")
                                   :format(quote(support.program), script))
    os.remove(script)
    expect.equal(result.err, "")
    expect.equal(result.out, "attached\n1\n")
  end)

  it("else gets the command that mounts it: exit code 3", function()
    needs "setpriv"
    for _, chunk in ipairs {
      [[bpf.trace_pipe(print)]],
      [=[bpf.load { source = [[SEC("tracepoint/syscalls/sys_enter_getppid")
         int refused_spec(void *ctx) { return 0; }]] }:attach()]=],
    } do
      local command = ("setpriv --bounding-set -sys_admin --inh-caps -all %s -e %s")
        :format(quote(support.program), quote(chunk))
      failed(without_tracefs(command), 3,
             "ebpf-lua: tracefs is not mounted, and mounting it takes CAP_SYS_ADMIN",
             "hint: run once as root: mount -t tracefs tracefs /sys/kernel/tracing")
    end
  end)
end)

describe("a kernel without BTF", function()
  local FIELD = [==[
    local bpf = require "bpf"
    bpf.load { load = false, source = [[
      int pid_of(struct task_struct *task) { return task->pid; }
    ]] }
  ]==]

  it("is named with its file where a kernel type is needed: exit code 4", function()
    failed(under("EBPF_LUA_BTF=/nowhere", FIELD), 4, "/nowhere", "hint: ")
    failed(under("EBPF_LUA_BTF=/etc/passwd", FIELD), 4, "/etc/passwd", "hint: ")
    local result = support.run("--btf /nowhere -e " .. quote(FIELD))
    failed(result, 4, "/nowhere", "hint: ")
  end)

  it("is named by the look-ups that need it", function()
    for _, chunk in ipairs { "bpf.btf.type 'task_struct'", "return bpf.enum.TCP_CLOSE" }
    do
      failed(support.run("--btf /nowhere -e " .. quote(chunk)), 4, "/nowhere", "hint: ")
    end
  end)

  it("runs what needs no kernel type", function()
    local result = under("EBPF_LUA_BTF=/nowhere")
    expect.equal(result.err, "")
    expect.equal(result.out, "attached\n")
  end)
end)

describe("what this kernel refuses to everybody", function()
  it("under lockdown: exit code 4 and other hooks", function()
    local file = io.open("/sys/kernel/security/lockdown")
    local mode = file and file:read("*a") or ""
    if file then file:close() end
    if not mode:find("[integrity]", 1, true) then skip "no lockdown" end
    failed(under("", PROBE:format("fentry/vfs_read")), 4, "program 'refused_spec'",
           "the kernel is locked down (integrity mode)",
           "hint: use a hook that lockdown allows: tracepoint, raw_tracepoint, tp_btf")
  end)

  it("without kprobes: exit code 4 and other hooks", function()
    local result = under("", PROBE:format("kprobe/vfs_read"))
    if result.code == 0 then skip "this kernel has kprobes" end
    failed(result, 4, "cannot attach to kprobe:vfs_read: this kernel was built without "
           .. "kprobes (CONFIG_KPROBES)", "hint: use a tracepoint")
  end)
end)
