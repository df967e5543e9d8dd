-- Which probes there are: a spec with a glob -> the specs that it stands for.
local host = require "bpf.host"
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"

local M = {}

local function glob_pattern(glob)
  local literal = glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0")
  return "^" .. literal:gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

--- The lines of tracefs' available_events, "category:event".
local function tracepoints(glob)
  local path = errors.check(host.tracefs()) .. "/available_events"
  local file, why = io.open(path)
  if not file then
    error(errors.new { stage = "attach", code = "not_permitted",
                       message = "cannot list tracepoints: " .. why }, 0)
  end
  local pattern, found = glob_pattern(glob), {}
  for line in file:lines() do
    if line:find(pattern) then found[#found + 1] = line end
  end
  file:close()
  table.sort(found)
  return found
end

local function kernel_functions(glob) return errors.check(host.kernel_functions(glob)) end
local function btf_functions(glob) return errors.check(host.btf_functions(glob)) end
local function btf_tracepoints(glob) return errors.check(host.btf_tracepoints(glob)) end

local function syscalls(glob)
  local names = {}
  for i, event in ipairs(tracepoints("syscalls:sys_enter_" .. glob)) do
    names[i] = event:sub(#"syscalls:sys_enter_" + 1)
  end
  return names
end

--- "BINARY:GLOB" -> "BINARY:symbol"…
local function binary_functions(text)
  local binary, glob = text:match("^(.*):([^:]*)$")
  if not binary then
    errors.misuse(("uprobes are listed in one binary: 'uprobe:%s:*'"):format(text))
  end
  local names = errors.check(host.binary_functions(binary, glob))
  for i, name in ipairs(names) do names[i] = binary .. ":" .. name end
  return names
end

-- By the first word of a spec.
local LISTS = {
  tracepoint = tracepoints,
  kprobe = kernel_functions, kretprobe = kernel_functions,
  fentry = btf_functions, fexit = btf_functions,
  tp_btf = btf_tracepoints, raw_tracepoint = btf_tracepoints,
  ksyscall = syscalls, kretsyscall = syscalls,
  uprobe = binary_functions, uretprobe = binary_functions,
}

--- Whether a spec stands for several probes.
---@param spec string
---@return boolean
function M.is_glob(spec)
  return spec:find("[*?]") ~= nil
end

--- The probes of a spec, sorted. A spec without '*' or '?' is not looked up.
---@param spec string "tracepoint:sched:*", "kprobe:vfs_*"
---@return string[] specs of at least one probe
function M.list(spec)
  if type(spec) ~= "string" then
    errors.misuse(("a probe is text such as 'tracepoint:sched:sched_switch', got a %s")
                  :format(type(spec)))
  end
  if not M.is_glob(spec) then return { spec } end
  local kind, rest = spec:match("^([%w_%.]+):(.+)$")
  local list = LISTS[kind]
  if not list then
    errors.misuse(("'%s': a pattern needs a kind of probe that is listed"):format(spec),
                  nearest.hint(kind or spec, nearest.keys(LISTS), "kinds"))
  end
  local found = list(rest)
  if #found == 0 then
    error(errors.new { stage = "attach", code = "not_found",
                       message = ("no probe matches '%s'"):format(spec) }, 0)
  end
  for i, name in ipairs(found) do found[i] = kind .. ":" .. name end
  return found
end

return M
