--- Security hooks: what a program refuses really fails, for this process alone, until the
--- link is closed. One case a family of hooks.
local bpf = require "bpf"
local cgroup = require "cgroup"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int mkdir(const char *path, unsigned mode);
int rmdir(const char *path);
int mount(const char *from, const char *to, const char *type, unsigned long flags,
          const void *data);
int umount(const char *path);
int setuid(unsigned uid);
int fork(void);
int waitpid(int pid, int *status, int options);
void _exit(int code);
int execl(const char *path, const char *name, ...);
int sched_setscheduler(int pid, int policy, const int *priority);
]]
local C = ffi.C
local EPERM = 1

--- What fn gives: 0, or the errno of its failure.
local function outcome(result)
  return result >= 0 and 0 or ffi.errno()
end

--- Runs `act` with a program that refuses `hook` to this process and its children, and
--- after its link is closed.
---@param parameters string the hook's, in C
---@param condition string C; also about the hook's arguments
---@param act fun(): integer 0 or an errno
local function refuses(hook, parameters, condition, act)
  local obj = bpf.load { constants = { target = support.pid }, source = ([[
    const volatile u32 target;
    u32 refused;
    SEC("lsm/%s") int BPF_PROG(refuse, %s)
    {
      struct task_struct *task = (void *)bpf_get_current_task();
      if (ret) return ret;
      if (BPF_CORE_READ(task, tgid) != target
          && BPF_CORE_READ(task, real_parent, tgid) != target) return 0;
      if (!(%s)) return 0;
      __sync_fetch_and_add(&refused, 1);
      return -1;
    }]]):format(hook, parameters, condition) }
  local link = kernel.attach(obj.programs.refuse)
  expect.equal(link.spec, "lsm:" .. hook)
  expect.equal(act(), EPERM)
  local count = tonumber(obj.variables.refused)
  expect.truthy(count >= 1, "refused " .. count)
  link:close()
  expect.equal(act(), 0)
  expect.equal(tonumber(obj.variables.refused), count)
  obj:close()
end

--- The outcome of fn in a child, which cannot harm this process.
local function in_child(fn)
  local child = C.fork()
  if child == 0 then C._exit(fn()) end
  local status = ffi.new "int[1]"
  C.waitpid(child, status, 0)
  return bit.rshift(status[0], 8)
end

describe("lsm", function()
  it("file: file_open", function()
    refuses("file_open", "struct file *file, int ret",
            "file->f_path.dentry->d_name.len == 8", function() -- hostname
      local file, _, number = io.open("/proc/sys/kernel/hostname")
      if file then file:close() end
      return number or 0
    end)
  end)

  it("file: inode_mkdir", function()
    local path = "/tmp/ebl-lsm-" .. support.pid
    refuses("inode_mkdir",
            "struct inode *dir, struct dentry *dentry, unsigned int mode, int ret", "1",
            function()
              local result = outcome(C.mkdir(path, 448))
              if result == 0 then C.rmdir(path) end
              return result
            end)
  end)

  it("mount: sb_mount", function()
    refuses("sb_mount", "const char *from, const struct path *path, const char *type, "
            .. "unsigned long flags, void *data, int ret", "1", function()
      local result = outcome(C.mount("none", "/mnt", "tmpfs", 0, nil))
      if result == 0 then C.umount("/mnt") end
      return result
    end)
  end)

  it("exec: bprm_check_security", function()
    refuses("bprm_check_security", "struct linux_binprm *program, int ret", "1",
            function()
      return in_child(function()
        ffi.C.execl("/bin/true", "/bin/true", ffi.cast("void *", nil))
        return ffi.errno()
      end)
    end)
  end)

  it("task: task_setscheduler", function()
    refuses("task_setscheduler", "struct task_struct *task_, int ret", "1", function()
      return outcome(C.sched_setscheduler(0, 0, ffi.new("int[1]", 0)))
    end)
  end)

  it("credentials: task_fix_setuid", function()
    refuses("task_fix_setuid", "struct cred *new, const struct cred *old, int flags, "
            .. "int ret", "1", function()
      return in_child(function() return outcome(C.setuid(1000)) end)
    end)
  end)

  it("socket: socket_bind", function()
    refuses("socket_bind", "struct socket *socket, struct sockaddr *address, int length, "
            .. "int ret", "1", function()
      local socket = assert(net.socket(net.TCP))
      local ok, number = socket:bind("127.0.0.1", 0)
      socket:close()
      return ok and 0 or number
    end)
  end)

  it("gives every program of a hook its turn, with its cookie", function()
    local obj = bpf.load { constants = { target = support.pid }, source = [[
      const volatile u32 target;
      u64 cookies;
      SEC("lsm/inode_mkdir") int BPF_PROG(one, struct inode *dir)
      {
        if (bpf_get_current_pid_tgid() >> 32 == target)
          cookies |= 1 << bpf_get_attach_cookie(ctx);
        return 0;
      }
      SEC("lsm/inode_mkdir") int BPF_PROG(two, struct inode *dir)
      {
        if (bpf_get_current_pid_tgid() >> 32 == target)
          cookies |= 1 << bpf_get_attach_cookie(ctx);
        return 0;
      }]] }
    kernel.attach(obj.programs.one, nil, { cookie = 3 })
    kernel.attach(obj.programs.two, nil, { cookie = 5 })
    local path = "/tmp/ebl-lsm-" .. support.pid
    expect.equal(C.mkdir(path, 448), 0)
    C.rmdir(path)
    expect.equal(tonumber(obj.variables.cookies), 2 ^ 3 + 2 ^ 5)
    obj:close()
  end)

  it("names a hook that is not there", function()
    local obj = bpf.load { source =
      'SEC("lsm/file_opne") int BPF_PROG(f, struct file *file) { return 0; }' }
    local ok, err = pcall(obj.attach, obj)
    expect.equal(ok, false)
    if err.code == "not_supported" or err.code == "not_permitted" then
      skip(tostring(err))
    end
    expect.equal(err.message, "lsm:file_opne: no security hook 'file_opne'")
    expect.truthy(err.hint:find("'file_open'", 1, true), err.hint)
    obj:close()
  end)

  it("is gone after SIGKILL", function()
    kernel.needs_section("lsm/inode_mkdir", 0)
    local path = "/tmp/ebl-lsm-" .. support.pid
    local function make()
      local result = outcome(C.mkdir(path, 448))
      if result == 0 then C.rmdir(path) end
      return result
    end
    kernel.killed(([[
      local obj = bpf.load { constants = { target = %d }, source = [=[
        const volatile u32 target;
        SEC("lsm/inode_mkdir") int BPF_PROG(refuse, struct inode *dir)
        { return bpf_get_current_pid_tgid() >> 32 == target ? -1 : 0; }]=] }
      obj:attach()
      print "attached"
      bpf.run()]]):format(support.pid),
      function() expect.equal(make(), EPERM) end,
      function() return make() == 0 end)
  end)
end)

describe("lsm_cgroup", function()
  it("refuses in its group alone", function()
    local obj = bpf.load { source = [[
      u32 asked;
      SEC("lsm_cgroup/socket_bind")
      int BPF_PROG(refuse, struct socket *socket, struct sockaddr *address, int length)
      {
        __sync_fetch_and_add(&asked, 1);
        return 0;
      }]] }
    local function bind()
      local socket = assert(net.socket(net.TCP))
      local ok, number = socket:bind("127.0.0.1", 0)
      socket:close()
      return ok and 0 or number
    end
    cgroup.inside(function(path)
      local link = kernel.attach(obj.programs.refuse,
                                 ("lsm_cgroup:%s:socket_bind"):format(path))
      expect.equal(bind(), EPERM)
      expect.equal(tonumber(obj.variables.asked), 1)
      link:close()
      expect.equal(bind(), 0)
      link = kernel.attach(obj.programs.refuse,
                           ("lsm_cgroup:%s:socket_bind"):format(path))
      expect.equal(bind(), EPERM)
      link:close()
    end)
    obj:close()
  end)
end)
