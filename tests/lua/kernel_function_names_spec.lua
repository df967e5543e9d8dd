--- What a kernel function may be called, what is said when it is not to be had, and that
--- nothing is left behind on one.
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local kernel_function = require "kernel_function"
local kernel_state = require "kernel_state"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect
local with = kernel_function.with

-- Names of functions, as this kernel's tables have them.
local function first_line(command)
  local name = support.sh(command).out:match "^(%S+)"
  return name
end

describe("the name of a kernel function", function()
  --- The error of attaching to `spec`.
  local function refused(spec)
    local message, hint, code
    with('SEC("kprobe") int on_call(void *ctx) { return 0; }', function(obj)
      local program = obj.programs.on_call
      local ok, err = pcall(program.attach, program, spec)
      expect.equal({ spec, ok }, { spec, false })
      if err.message:find "CONFIG_KPROBES" then kernel.try(error, err, 0) end
      message, hint, code = err.message, err.hint, err.code
    end)
    return message, hint, code
  end

  it("without the compiler's suffix finds the variant", function()
    local name = first_line [[
      awk 'FILENAME ~ /filter/ { traced[$1] = 1; next }
           $2 ~ /[tT]/ && $4 == "" { all[$3]++ }
           END {
             for (name in all) {
               if (name !~ /^[a-z][a-z_]+\.isra\.0$/ || all[name] > 1) continue
               if (!(name in traced)) continue
               bare = substr(name, 1, length(name) - 7)
               if (!(bare in all)) print bare
             }
           }' /sys/kernel/tracing/available_filter_functions /proc/kallsyms |
        LC_ALL=C sort
    ]]
    if not name then harness.skip "no function has a suffix alone" end
    with('SEC("kprobe") int on_call(void *ctx) { return 0; }', function(obj)
      kernel.attach(obj.programs.on_call, "kprobe:" .. name):close()
    end)
  end)

  it("that the compiler inlined", function()
    local name = first_line [[
      awk '$2 ~ /[tT]/ && $4 == "" {
             if ($3 ~ /^[a-z][a-z_]+\.part\.0$/) parts[substr($3, 1, length($3) - 7)] = 1
             sub(/\.(isra|constprop|llvm)\..*$/, "", $3)
             all[$3] = 1
           }
           END { for (name in parts) if (!(name in all)) print name }' /proc/kallsyms |
        LC_ALL=C sort
    ]]
    if not name then harness.skip "no function is there in part alone" end
    local message, hint, code = refused("kprobe:" .. name)
    expect.equal(message, ("kprobe:%s: the compiler inlined %s: this kernel has no "
                           .. "symbol for it"):format(name, name))
    expect.equal({ hint, code }, { "probe a function that calls it", "not_found" })
  end)

  it("that is on the kernel's blacklist", function()
    local name = first_line [[
      awk '$2 ~ /^(exc_int3|do_int3|notify_die|perf_trace_buf_alloc|get_kprobe)$/ {
        print $2 }' /sys/kernel/debug/kprobes/blacklist
    ]]
    if not name then harness.skip "no debugfs with kprobes/blacklist" end
    local message, hint, code = refused("kprobe:" .. name)
    expect.equal({ code, hint }, { "not_supported", "probe a function that calls it" })
    expect.truthy(message:find(name .. " is on its list of functions that no kprobe may "
                               .. "touch (kprobes/blacklist)", 1, true), message)
  end)

  it("that is absent, renamed, or data", function()
    local message, hint = refused "kprobe:vfs_raed"
    expect.equal(message, "kprobe:vfs_raed: the kernel has no function vfs_raed that can "
                          .. "be probed")
    expect.truthy(hint:find("'vfs_read'", 1, true), hint)
    message, hint = refused "kprobe:_do_fork"
    expect.equal(hint, "_do_fork is called kernel_clone in this kernel")
    expect.truthy(message:find "^kprobe:_do_fork: ", message)
    -- A name that only data has: some kernels have a function init_task as well.
    local data = first_line [[
      awk '$3 ~ /^(init_task|init_uts_ns|linux_banner)$/ {
             if ($2 ~ /[tTwW]/) code[$3] = 1; else data[$3] = 1 }
           END { for (name in data) if (!(name in code)) print name }' /proc/kallsyms
    ]]
    if not data then harness.skip "/proc/kallsyms has no data" end
    message = refused("kprobe:" .. data)
    expect.equal(message, ("kprobe:%s: %s is data, not a function"):format(data, data))
  end)
end)

describe("after a SIGKILL", function()
  local call = ffi.arch == "arm64" and "__arm64_sys_getpgid" or "__x64_sys_getpgid"
  local PROGRAM = 'SEC("%s") int kf_killed(void *ctx) { return 0; }'
  local ROWS = {
    { "kprobe", "kprobe:" .. call },
    { "kprobe", "kprobe:*sys_getpgid" },
    { "kretprobe", "kretprobe:" .. call },
    { "kretprobe", "kretprobe:" .. call, "{ maxactive = 20 }" },
    { "ksyscall", "ksyscall:getpgid" },
    { "kprobe.session", "kprobe.session:" .. call },
    { "fentry", "fentry:" .. call },
    { "fexit", "fexit:" .. call },
    { "fmod_ret", "fmod_ret:security_task_getpgid" },
  }

  local function left()
    return tonumber(support.sh([[
      cd /sys/kernel
      cat debug/kprobes/list tracing/enabled_functions tracing/kprobe_events 2>/dev/null |
        grep -cE "sys_getpgid|security_task_getpgid"
    ]]).out)
  end

  for _, row in ipairs(ROWS) do
    local section, spec, options = unpack(row)
    it(("nothing is left: %s %s"):format(spec, options or ""), function()
      local chunk = ([==[
        local obj = bpf.load { source = [[%s]] }
        obj.programs.kf_killed:attach("%s", %s)
        print "attached"
        io.stdout:flush()
        bpf.run()
      ]==]):format(PROGRAM:format(section), spec, options or "nil")
      with(PROGRAM:format(section), function(obj)
        local given = options and { maxactive = 20 }
        kernel.attach(obj.programs.kf_killed, spec, given):close()
      end)
      support.eventually(function() return left() == 0 end)
      expect.equal(left(), 0)
      kernel.killed(chunk, function()
        expect.truthy(left() >= 1, "attached")
        expect.equal(kernel_state.programs "kf_killed", 1)
      end, function() return left() == 0 and kernel_state.programs "kf_killed" == 0 end)
    end)
  end
end)
