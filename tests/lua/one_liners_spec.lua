-- docs/one-liners.md: each line of ours is run, on events made for it, and its result is
-- checked.
local support = require "support"

local ROOT = arg[0]:match("^(.*)/tests/lua/") or "."

--- {{title, line}…} in the order of the file.
local function pairs_of(path)
  local list, title = {}, nil
  for line in io.lines(path) do
    title = line:match("^### (.+)$") or title
    local command = line:match("^ebpf%-lua (.+)$")
    if command then list[#list + 1] = { title = title, command = command } end
  end
  return list
end

local WRITES = "dd if=/dev/zero of=%s bs=8k count=20 oflag=direct"

---@class Check
---@field work string? the command of -c, whose events are looked at
---@field beside string? runs beside the line until that has shown something, or is done
---@field [1] string Lua pattern of the output, in JSON

---@type table<string, Check>
local CHECKS = {
  ["Which system calls can be traced"] = { '"tracepoint:syscalls:sys_enter_openat"' },
  ["What a tracepoint tells"] = { '"name":"filename"' },
  ["Say something"] = { "good morning" },
  ["Which files are opened, and by whom"] = {
    '{"comm":"cat","filename":"/proc/version"}', work = "cat /proc/version" },
  ["Which programs make system calls"] = { '{"count":%d+,"comm":"cat"}',
    work = "cat /proc/version" },
  ["Which system calls are made"] = {
    '{"count":%d+,"probe":"tracepoint:syscalls:sys_enter_openat"}',
    work = "cat /proc/version" },
  ["How much one program reads at a time"] = { '"count":[1-9]',
    work = "cat /proc/version" },
  ["The same of a kernel function, in steps of 200 bytes"] = { '"count":[1-9]',
    work = "cat /proc/version" },
  ["How long reads take, by program"] = { '"comm":"cat","data":%[.-"count":[1-9]',
    work = "cat /proc/version" },
  ["How long a kernel function takes, by program"] = {
    '"comm":"cat","data":%[.-"count":[1-9]',
    work = "cat /proc/version" },
  ["How much each program reads at a time"] = { '"comm":"cat","data":%[.-"count":[1-9]',
    work = "cat /proc/version" },
  ["How much each program reads in all, and on average"] = {
    '{"count":%d+,"sum":%d+,"avg":[%d.]+,"min":%d+,"max":%d+,"comm":"cat"}',
    work = "cat /proc/version" },
  ["What the scheduler does in five seconds"] = {
    '{"count":[1-9]%d*,"probe":"tracepoint:sched:sched_switch"}', work = "sleep 0.1" },
  ["Where the kernel spends its time"] = { '{"count":[1-9]%d*,"kstack":%["',
    work = "timeout 1 dd if=/dev/zero of=/dev/null bs=1M; true" },
  ["Where a program spends its time"] = { '"ustack":%["%a',
    work = "timeout 1 dd if=/dev/zero of=/dev/null bs=1; true" },
  ["Why tasks leave the CPU"] = { '"kstack":%[".-schedule', work = "sleep 0.1" },
  ["How large block requests are"] = { '"count":[1-9]', beside = WRITES },
  ["Who makes block requests, of what size"] = { -- some kernels have a thread do it
    '{"pid":%d+,"comm":"[^"]+","bytes":8192}', beside = WRITES },
  ["A field deep in the kernel's structs: names of opened files"] = {
    '{"name":"version"}', work = "cat /proc/version" },
  ["Which programs are started, with their arguments"] = {
    '{"pid":%d+,"argv":"/bin/true a b"}', work = "/bin/true a b" },
  ["Which system calls fail, with what error"] = { '"comm":"cat","errno":2}',
    work = "cat /no/such/file" },
  ["Who faults pages in"] = { '{"count":[1-9]%d*,"comm":"true"}', work = "/bin/true" },
  ["Who misses the CPU's cache"] = { '{"count":[1-9]%d*,"comm":"dd","pid":%d+}',
    work = "dd if=/dev/zero of=/dev/null bs=64M count=50" },
  ["How much memory a program asks for at a time"] = {
    '"count":[1-9]', work = "bash -c :" },
  ["Who opens TCP connections, to where"] = {
    '{"comm":"bash","daddr":"127.0.0.1","dport":1}',
    work = 'bash -c "exec 3<>/dev/tcp/127.0.0.1/1"' },
  ["Who ends, and whose child it was"] = { '{"comm":"true","parent":[1-9]%d*}',
    work = "/bin/true" },
  ["How many system calls there are, every second"] = {
    '{"count":[1-9]%d*,"probe":"tracepoint:raw_syscalls:sys_enter"}',
    work = "exec bash -c 'while ((SECONDS < 4)); do echo x >/dev/null; done'" },
  ["The busiest programs, every second"] = { '{"count":[1-9]%d*,"comm":"bash"}',
    work = "exec bash -c 'while ((SECONDS < 4)); do echo x >/dev/null; done'" },
}

--- Where writes reach the block layer: a file on a disk, or a disk that is made of a
--- file; and the command that removes it. nil without either.
local function disk()
  local path = "/var/tmp/ebpf_lua_one_liner." .. support.pid
  local works = support.sh((WRITES):format(path) .. "; df --output=source " .. path)
  if works.out:find("/dev/") and works.err:find("bytes") then
    return path, "rm -f " .. path
  end
  local file = os.tmpname()
  local made = support.sh(("truncate -s 1M %s; losetup -f --show %s"):format(file, file))
  local name = made.out:match("/dev/%S+")
  if name then return name, ("losetup -d %s; rm -f %s %s"):format(name, file, path) end
  support.sh(("rm -f %s %s"):format(file, path))
end

local function run(command, check)
  local program = support.quote(support.program)
  if check.beside then
    local path, remove = disk()
    if not path then skip("there is no block device") end
    local work = check.beside:format(path)
    local result = support.sh(([[
      %s --json -d %d %s & tracer=$!
      while kill -0 $tracer 2>/dev/null; do %s 2>/dev/null; sleep 0.1; done
      wait $tracer; code=$?; %s; exit $code]])
      :format(program, 1 + support.patience, command, work, remove))
    return result
  end
  local work = check.work and "-c " .. support.quote(check.work) or ""
  return support.sh(("%s --json %s %s"):format(program, work, command))
end

--- What a kernel says that has no kprobes, or does not let them be used.
local function lacks_hook(result)
  return result.code == 3 or result.code == 4
end

describe("docs/one-liners.md", function()
  local list = pairs_of(ROOT .. "/docs/one-liners.md")
  for _, each in ipairs(list) do
    it(each.title, function()
      local check = CHECKS[each.title]
      expect.truthy(check, "a check for it")
      local result = run(each.command, check)
      if lacks_hook(result) then skip(result.err:match("[^\n]+")) end
      expect.truthy(result.out:find(check[1]), result.out:sub(1, 2000) .. result.err)
    end)
  end

  it("has a line for every check", function()
    local titles, checks = {}, 0
    for _, each in ipairs(list) do titles[each.title] = true end
    for title in pairs(CHECKS) do
      checks = checks + 1
      expect.truthy(titles[title], title)
    end
    expect.equal(#list, checks)
  end)
end)
