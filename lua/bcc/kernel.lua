-- Questions about the running kernel, under the names of BCC's Python module.
local C = require "bpf.ffi_api"
local decode = require "bpf.decode"
local host = require "bpf.host"
local errors = require "bpf.errors"
local look_up = require "bpf.look_up"
local probes = require "bpf.probes"
local regex = require "bcc.regex"
local symbols = require "bcc.symbols"

local M = {}

local SYSCALL_PREFIXES = { "__x64_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_",
                           "__ia32_compat_sys_", "__x32_compat_sys_", "__s390_sys_",
                           "sys_" }

local function has_symbol(name)
  return host.ksym_address(name) ~= nil
end

local function has_enumerator(name)
  return (pcall(function() return look_up.enum[name] end))
end

local prefix

--- What the names of system calls' functions begin with: "__x64_sys_".
function M.get_syscall_prefix()
  if prefix then return prefix end
  for _, candidate in ipairs(SYSCALL_PREFIXES) do
    if has_symbol(candidate .. "bpf") then
      prefix = candidate
      return prefix
    end
  end
  prefix = SYSCALL_PREFIXES[#SYSCALL_PREFIXES]
  return prefix
end

--- The kernel's function of a system call: "__x64_sys_openat".
---@param name string "openat"
function M.get_syscall_fnname(name)
  return M.get_syscall_prefix() .. name
end

--- Such a name of another machine, as it is called here; other names as they are.
function M.fix_syscall_fnname(name)
  for _, candidate in ipairs(SYSCALL_PREFIXES) do
    if name:sub(1, #candidate) == candidate then
      return M.get_syscall_fnname(name:sub(#candidate + 1))
    end
  end
  return name
end

M.ksymname, M.ksym, M.sym = symbols.ksymname, symbols.ksym, symbols.sym
M.find_library = symbols.find_library
M.SymbolCache = symbols.cache

--- The path of a program of PATH, or nil.
function M.find_exe(name)
  if name:find("/", 1, true) then return name end
  for folder in (os.getenv "PATH" or ""):gmatch "[^:]+" do
    local path = folder .. "/" .. name
    local file = folder:sub(1, 1) == "/" and io.open(path, "rb")
    if file then
      file:close()
      return path
    end
  end
  return nil
end

--- Lines of a list of the kernel's, first words only; nil where it may not be read.
local function words_of(path)
  local file = io.open(path)
  if not file then return nil end
  local words = {}
  local ok = pcall(function()
    for line in file:lines() do
      words[line:match "^0x%x+%-0x%x+%s+(%S+)" or line:match "^%S+"] = true
    end
  end)
  file:close()
  return ok and next(words) and words or nil
end

--- Functions that a kprobe can sit on.
---@param pattern string regular expression
---@return string[]
function M.get_kprobe_functions(pattern)
  local matches = regex.matcher(pattern)
  local blocked = words_of "/sys/kernel/debug/kprobes/blacklist" or {}
  local tracefs = host.tracefs()
  local traceable = tracefs and words_of(tracefs .. "/available_filter_functions")
  local found = {}
  for _, name in ipairs(errors.check(host.kernel_functions("*"))) do
    if matches(name) and not blocked[name] and (not traceable or traceable[name]) then
      found[#found + 1] = name
    end
  end
  return found
end

--- "category:event" of the tracepoints that match.
---@param pattern string regular expression
---@return string[]
function M.get_tracepoints(pattern)
  local matches, found = regex.matcher(pattern), {}
  for _, spec in ipairs(probes.list "tracepoint:*:*") do
    local name = spec:sub(#"tracepoint:" + 1)
    if matches(name) then found[#found + 1] = name end
  end
  return found
end

function M.tracepoint_exists(category, event)
  local tracefs = errors.check(host.tracefs())
  local path = ("%s/events/%s/%s/id"):format(tracefs, category, event)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- Functions of a program or library that match, sorted.
---@param name string "c", "/bin/bash"
---@param pattern string regular expression
---@return string[]
function M.get_user_functions(name, pattern)
  local matches, found = regex.matcher(pattern), {}
  local path = symbols.binary(name)
  for _, symbol in ipairs(errors.check(host.binary_functions(path, "*"))) do
    if matches(symbol) then found[#found + 1] = symbol end
  end
  return found
end

--- {name, address} of those.
function M.get_user_functions_and_addresses(name, pattern)
  local matches, found = regex.matcher(pattern), {}
  local addresses = errors.check(host.binary_addresses(symbols.binary(name)))
  for symbol, address in pairs(addresses) do
    if matches(symbol) then found[#found + 1] = { symbol, address } end
  end
  table.sort(found, function(a, b) return a[1] < b[1] end)
  return found
end

--- The addresses alone.
function M.get_user_addresses(name, pattern)
  local found = M.get_user_functions_and_addresses(name, pattern)
  for i, pair in ipairs(found) do found[i] = pair[2] end
  return found
end

--- Whether programs on entry and exit of functions can be (fentry, fexit).
function M.support_kfunc()
  return has_enumerator "BPF_TRACE_FENTRY" and has_symbol "bpf_trampoline_link_prog"
end

function M.support_fmod_ret()
  return has_enumerator "BPF_MODIFY_RETURN" and has_symbol "bpf_trampoline_link_prog"
end

--- Whether programs on security hooks can be: compiled in, and switched on at boot.
function M.support_lsm()
  if not has_enumerator "BPF_LSM_MAC" then return false end
  local file = io.open "/sys/kernel/security/lsm"
  local active = file and file:read "*l" or ""
  if file then file:close() end
  return ("," .. active .. ","):find(",bpf,", 1, true) ~= nil
end

function M.support_raw_tracepoint()
  return has_symbol "bpf_get_raw_tracepoint" or has_symbol "bpf_find_raw_tracepoint"
end

function M.support_raw_tracepoint_in_module()
  return has_symbol "bpf_trace_modules"
end

--- A kernel type, or nil where there is none of that name.
local function type_of(name)
  local layout = host.kernel_layout(name)
  return layout and decode.new(layout.types):type(layout.root)
end

--- Whether a kernel struct has a field of that name; also inside anonymous members.
function M.kernel_struct_has_field(struct, field)
  local found = type_of("struct " .. struct) or type_of(struct)
  for _, known in ipairs(found and found.fields or {}) do
    if known.name == field then return true end
  end
  return false
end

--- Whether a kernel enum has an enumerator of that name.
function M.kernel_enum_has_val(enum, name)
  local found = type_of("enum " .. enum) or type_of(enum)
  for _, value in ipairs(found and found.values or {}) do
    if value.name == name then return true end
  end
  return false
end

--- Nanoseconds of the clock of bpf_ktime_get_ns().
function M.monotonic_time()
  return tonumber(C.ebl_monotonic_ns())
end

--- The #include lines that a text needs: none, for kernel types need no headers.
function M.generate_auto_includes()
  return ""
end

--- Gives back what is not needed any more; the number of bytes.
function M.free_bcc_memory()
  local before = collectgarbage "count"
  collectgarbage()
  return math.max(0, math.floor((before - collectgarbage "count") * 1024))
end

return M
