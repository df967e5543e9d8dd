-- Which probes there are: a spec with a glob -> the specs that it stands for. Names come
-- from tracefs, BTF, kallsyms, ELF symbols and notes.
local host = require "bpf.host"
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"

local M = {}

local function glob_pattern(glob)
  local literal = glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0")
  return "^" .. literal:gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

M.glob_pattern = glob_pattern

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
local function perf_events(glob) return host.perf_events(glob) end

local function syscalls(glob)
  local names = {}
  for i, event in ipairs(tracepoints("syscalls:sys_enter_" .. glob)) do
    names[i] = event:sub(#"syscalls:sys_enter_" + 1)
  end
  return names
end

--- The system calls of this architecture, also those without a tracepoint.
local function syscall_numbers(glob)
  local pattern, found = glob_pattern(glob), {}
  for _, name in pairs(require "bpf.syscall_names") do
    if name:find(pattern) then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

--- Hooks that are functions with a prefix: of security modules, of iterators.
local function prefixed_functions(prefix, is_other)
  return function(glob)
    local names = {}
    for _, name in ipairs(btf_functions(prefix .. glob)) do
      if not (is_other and is_other(name)) then
        names[#names + 1] = name:sub(#prefix + 1)
      end
    end
    return names
  end
end

--- Functions by which programs loop have the prefix of iterators too.
local function is_loop_function(name)
  return name:find("_new$") or name:find("_next$") or name:find("_destroy$")
end

--- The interfaces of this network namespace.
local function interfaces(glob)
  local pattern, found = glob_pattern(glob), {}
  for line in io.lines("/proc/self/net/dev") do
    local name = line:match("^%s*(%S+):")
    if name and name:find(pattern) then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

local function directions(glob)
  local pattern, found = glob_pattern(glob), {}
  for _, name in ipairs(interfaces("*")) do
    for _, direction in ipairs { "egress", "ingress" } do
      local both = name .. ":" .. direction
      if both:find(pattern) then found[#found + 1] = both end
    end
  end
  return found
end

local function in_binary(kind, text)
  local binary, glob = text:match("^(.-):(.*)$")
  if not binary and text:find("[/%w]") and not text:find("[*?]") then
    binary, glob = text, "*"
  end
  if not binary or binary == "" or binary:find("[*?]") then
    errors.misuse(("'%s:%s': they are listed in one binary"):format(kind, text),
                  ("%s:/bin/bash:*, %s:libc:*"):format(kind, kind))
  end
  return binary, glob
end

--- "BINARY:GLOB" -> "BINARY:symbol"…
local function binary_functions(text)
  local binary, glob = in_binary("uprobe", text)
  local names = errors.check(host.binary_functions(binary, glob))
  for i, name in ipairs(names) do names[i] = binary .. ":" .. name end
  return names
end

--- "BINARY:GLOB" -> "BINARY:provider:name"…; the glob is one of "provider:name" or of the
--- name alone.
local function static_probes(text)
  local binary, glob = in_binary("usdt", text)
  local pattern = glob_pattern(glob:find(":", 1, true) and glob or "*:" .. glob)
  local names, seen = {}, {}
  local path = errors.check(host.find_binary(binary))
  for _, probe in ipairs(errors.check(host.usdt_probes(path))) do
    local name = probe.provider .. ":" .. probe.name
    if name:find(pattern) and not seen[name] then
      seen[name] = true
      names[#names + 1] = binary .. ":" .. name
    end
  end
  table.sort(names)
  return names
end

-- By the first word of a spec.
local LISTS = {
  tracepoint = tracepoints,
  kprobe = kernel_functions, kretprobe = kernel_functions,
  ["kprobe.session"] = kernel_functions,
  fentry = btf_functions, fexit = btf_functions, fmod_ret = btf_functions,
  tp_btf = btf_tracepoints, raw_tracepoint = btf_tracepoints,
  ksyscall = syscalls, kretsyscall = syscalls, syscall = syscall_numbers,
  uprobe = binary_functions, uretprobe = binary_functions,
  ["uprobe.session"] = binary_functions, usdt = static_probes,
  lsm = prefixed_functions("bpf_lsm_"),
  iter = prefixed_functions("bpf_iter_", is_loop_function),
  perf = perf_events, xdp = interfaces, tcx = directions, tc = directions,
}

-- What a pattern without a kind is looked for in: each name once, not for entry and
-- return.
local USUAL = { "fentry", "iter", "kprobe", "lsm", "perf", "raw_tracepoint", "syscall",
                "tcx", "tp_btf", "tracepoint", "xdp" }

local NO_PATTERN = { perf = true } -- a spec needs more than the name

--- The kinds of probes that can be listed.
---@return string[] sorted
function M.kinds()
  local kinds = nearest.keys(LISTS)
  table.sort(kinds)
  return kinds
end

--- Whether a spec stands for several probes.
---@param spec string
---@return boolean
function M.is_glob(spec)
  return spec:find("[*?]") ~= nil
end

local function expect_text(spec)
  if type(spec) == "string" then return end
  errors.misuse(("a probe is text such as 'tracepoint:sched:sched_switch', got a %s")
                :format(type(spec)))
end

-- What bpftrace calls otherwise.
local OF_BPFTRACE = {
  kfunc = "fentry", kretfunc = "fexit", rawtracepoint = "raw_tracepoint",
  profile = "perf:cpu-clock:99hz", software = "perf", hardware = "perf",
  watchpoint = "breakpoint", k = "kprobe", kr = "kretprobe", u = "uprobe",
  ur = "uretprobe", t = "tracepoint", rt = "raw_tracepoint", f = "fentry",
  fr = "fexit", U = "usdt", p = "perf:cpu-clock:99hz", s = "perf", h = "perf",
  i = "interval", it = "iter",
}

--- What an unknown kind may have meant.
---@param word string
---@param kinds string[] the known ones
---@return string
function M.kind_hint(word, kinds)
  local ours = OF_BPFTRACE[word]
  if ours then return ("what bpftrace calls %s is %s here"):format(word, ours) end
  return nearest.hint(word, kinds, "kinds")
end

local function unknown_kind(spec, word)
  errors.misuse(("'%s': a pattern needs a kind of probe that is listed"):format(spec),
                M.kind_hint(word, nearest.keys(LISTS)))
end

--- What a pattern that matches nothing may have meant.
local function near(kind, glob)
  local binary = kind:find("^u") and glob:match("^(.-):") or nil
  local wanted = glob:gsub("[*?]", "")
  local names = LISTS[kind](binary and binary .. ":*" or "*")
  local found = nearest.find(wanted, names)
  if not found and kind == "tracepoint" then
    local categories = {}
    for i, name in ipairs(names) do categories[i] = name:match("^[^:]+:") end
    found = nearest.find(wanted:match("^[^:]*:?"), categories)
    found = found and found .. "*"
  end
  return found and ("did you mean '%s:%s'?"):format(kind, found)
end

local function nothing(spec, hint)
  error(errors.new { stage = "attach", code = "not_found", hint = hint,
                     message = ("no probe matches '%s'"):format(spec) }, 0)
end

--- The probes of a spec, sorted. A spec without '*' or '?' is not looked up.
---@param spec string "tracepoint:sched:*", "kprobe:vfs_*"
---@return string[] specs of at least one probe
function M.list(spec)
  expect_text(spec)
  if not M.is_glob(spec) then return { spec } end
  local kind, rest = spec:match("^([%w_%.]+):(.+)$")
  local list = LISTS[kind]
  if not list or NO_PATTERN[kind] then unknown_kind(spec, kind or spec) end
  local found = list(rest)
  if #found == 0 then nothing(spec, near(kind, rest)) end
  for i, name in ipairs(found) do found[i] = kind .. ":" .. name end
  return found
end

--- The kinds of a pattern, and what is looked for in each: "xdp", "k*:tcp_*", "*exec*".
local function split(pattern)
  local word, glob = pattern:match("^([%w_%.*?]+):(.+)$")
  if not word and LISTS[pattern] then word, glob = pattern, "*" end
  if not word then return USUAL, pattern end
  if LISTS[word] then return { word }, glob end
  if not M.is_glob(word) then unknown_kind(pattern, word) end
  local kinds, wanted = {}, glob_pattern(word)
  for kind in pairs(LISTS) do
    if kind:find(wanted) and not kind:find("^u") then kinds[#kinds + 1] = kind end
  end
  table.sort(kinds)
  return kinds, glob
end

--- Calls `fn(kind, names, glob)` for each kind of probe that a pattern matches some of,
--- in the order of their names; names are sorted.
---@param pattern string "tracepoint:*exec*", "uprobe:/bin/bash:*", "xdp", "*tcp*"
---@param fn fun(kind: string, names: string[], glob: string)
function M.each_kind(pattern, fn)
  expect_text(pattern)
  local kinds, glob = split(pattern)
  local any = false
  for _, kind in ipairs(kinds) do
    local ok, names = pcall(LISTS[kind], glob)
    -- Of several kinds, one that this kernel or user has not does not spoil the others.
    if not ok and #kinds == 1 then error(names, 0) end
    if ok and #names > 0 then
      any = true
      fn(kind, names, glob)
    end
  end
  if any then return end
  nothing(pattern, #kinds == 1 and near(kinds[1], glob) or near("kprobe", glob))
end

--- The probes that match a pattern, as `-l` lists them.
---@param pattern string? "tracepoint:sched:*", "uprobe:/bin/bash:*", "xdp"; default: all
---@return string[] specs
function M.list_probes(pattern)
  local found = {}
  M.each_kind(pattern or "*", function(kind, names)
    for _, name in ipairs(names) do found[#found + 1] = kind .. ":" .. name end
  end)
  return found
end

return M
