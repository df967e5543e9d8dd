-- attach_* and detach_* of BCC: one row for each kind says which probe specs a call
-- stands for; everything else is the same for all.
local ffi = require "ffi"
local errors = require "bpf.errors"
local kernel = require "bcc.kernel"
local link = require "bcc.open_links"
local perf_types = require "bcc.perf_types"
local program_types = require "bcc.program_types"
local symbols = require "bcc.symbols"

ffi.cdef [[
long ebl_bcc_readlink(const char *path, char *text, size_t size) __asm__("readlink");
]]

local M = {}

local XDP_MODES = { { flag = 2, word = "generic" }, { flag = 4, word = "native" },
                    { flag = 8, word = "offload" } }

local function misuse(call, what)
  errors.misuse(("%s takes %s"):format(call, what))
end

local function pid_of(o)
  if o.pid and o.pid >= 0 then return o.pid end
  return nil
end

local function each(names, make)
  local specs = {}
  for i, name in ipairs(names) do specs[i] = make(name) end
  if #specs == 0 then errors.misuse("nothing matches the expression") end
  return specs
end

local function kernel_function(word)
  return function(o, call)
    local kind = o.retprobe and "kretprobe" or word
    if not o.event and not o.event_re then misuse(call, "event or event_re") end
    local offset = o.event_off or o.fn_offset or 0
    local names = o.event_re and kernel.get_kprobe_functions(o.event_re) or { o.event }
    return each(names, function(name)
      local place = offset > 0 and ("+0x%x"):format(offset) or ""
      return ("%s:%s%s"):format(kind, name, place)
    end)
  end
end

local function user_function(word)
  return function(o, call)
    local kind = o.retprobe and "uretprobe" or word
    if not o.name then misuse(call, "name: a library, a program or a path") end
    local path = symbols.binary(o.name)
    local options = { pid = pid_of(o) }
    if o.sym_re then
      return each(kernel.get_user_functions(o.name, o.sym_re), function(name)
        return ("%s:%s:%s"):format(kind, path, name)
      end), options
    elseif o.sym and o.sym ~= "" then
      local offset = o.sym_off and o.sym_off ~= 0 and ("+0x%x"):format(o.sym_off) or ""
      return { ("%s:%s:%s%s"):format(kind, path, o.sym, offset) }, options
    elseif o.addr then
      return { ("%s:%s:0x%x"):format(kind, path, tonumber(o.addr)) }, options
    end
    misuse(call, "sym, sym_re or addr")
  end
end

--- Functions whose own name tells the hook: kfunc__vmlinux__vfs_read.
local function by_name(prefix)
  return function(o, call, bpf)
    if not o.fn_name then misuse(call, "fn_name") end
    local program = bpf:find_program(o.fn_name, prefix)
    o.fn_name = program.name
    return { program.own_hook or errors.misuse(("function '%s' does not begin with %s")
                                               :format(program.name, prefix[1])) }
  end
end

local function readlink(fd)
  local text = ffi.new("char[4096]")
  local length = ffi.C.ebl_bcc_readlink(("/proc/self/fd/%d"):format(fd), text, 4096)
  if length <= 0 then errors.misuse(("%s is no open descriptor"):format(tostring(fd))) end
  return ffi.string(text, length)
end

local function perf_event(o, call)
  local kind, config = o.ev_type or o.type, o.ev_config or o.config
  if not kind or not config then misuse(call, "ev_type and ev_config") end
  local often = o.sample_freq and o.sample_freq > 0 and ("%dhz"):format(o.sample_freq)
    or o.sample_period and o.sample_period > 0 and ("%d"):format(o.sample_period)
    or misuse(call, "sample_period or sample_freq")
  if o.group_fd and o.group_fd >= 0 then misuse(call, "no group_fd") end
  local cpu = o.cpu and o.cpu >= 0 and o.cpu or nil
  return { ("perf:%s:%s"):format(perf_types.name(kind, config), often) },
    { pid = pid_of(o), cpu = cpu }
end

local function device_mode(o)
  for _, mode in ipairs(XDP_MODES) do
    if math.floor((o.flags or 0) / mode.flag) % 2 == 1 then return ":" .. mode.word end
  end
  return ""
end

local function on_hook(o, call, bpf)
  local hook = program_types.attach_types[o.attach_type]
  if not hook then misuse(call, "a number of BPFAttachType") end
  if hook.cgroup then
    return { ("cgroup:%s:%s"):format(readlink(o.fd), hook.cgroup) }
  end
  for name, known in pairs(bpf.object.maps) do
    if known:fd() == o.fd then return { ("sockmap:%s:%s"):format(name, hook.map) } end
  end
  misuse(call, "the descriptor of a map of this object")
end

---@class bcc.AttachKind
---@field open "kprobe"|"uprobe"|"tracepoint"|"other" what it counts as
---@field positional string[]? names of the arguments, where the call takes no table
---@field specs fun(options: table, call: string, bpf: table): string[], table?

---@type table<string, bcc.AttachKind>
M.kinds = {
  kprobe = { open = "kprobe", positional = { "event", "fn_name" },
             specs = kernel_function "kprobe" },
  kretprobe = { open = "kprobe", positional = { "event", "fn_name" },
                specs = kernel_function "kretprobe" },
  uprobe = { open = "uprobe", positional = { "name", "sym", "addr" },
             specs = user_function "uprobe" },
  uretprobe = { open = "uprobe", positional = { "name", "sym", "addr" },
                specs = user_function "uretprobe" },
  tracepoint = { open = "tracepoint", positional = { "tp", "fn_name" },
    specs = function(o, call)
      if not o.tp and not o.tp_re then misuse(call, "tp or tp_re") end
      local names = o.tp_re and kernel.get_tracepoints(o.tp_re) or { o.tp }
      return each(names, function(name) return "tracepoint:" .. name end)
    end },
  raw_tracepoint = { open = "other", positional = { "tp", "fn_name" },
    specs = function(o, call)
      if not o.tp then misuse(call, "tp") end
      return { "raw_tracepoint:" .. o.tp }
    end },
  kfunc = { open = "other", positional = { "fn_name" },
            specs = by_name { "kfunc__", "kfunc__vmlinux__" } },
  kretfunc = { open = "other", positional = { "fn_name" },
               specs = by_name { "kretfunc__", "kretfunc__vmlinux__" } },
  fmod_ret = { open = "other", positional = { "fn_name" },
               specs = by_name { "kmod_ret__" } },
  lsm = { open = "other", positional = { "fn_name" }, specs = by_name { "lsm__" } },
  perf_event = { open = "other", positional = { "ev_type", "ev_config", "fn_name" },
                 specs = perf_event },
  perf_event_raw = { open = "other", positional = { "attr", "fn_name", "pid", "cpu" },
    specs = function(o, call)
      local attr = o.attr or misuse(call, "attr")
      return perf_event({ type = attr.type, config = attr.config, pid = o.pid,
                          cpu = o.cpu, sample_period = attr.sample_period,
                          sample_freq = attr.freq == 1 and attr.sample_freq }, call)
    end },
  xdp = { open = "other", positional = { "dev", "fn", "flags" },
    specs = function(o, call)
      if not o.dev then misuse(call, "dev") end
      return { "xdp:" .. o.dev .. device_mode(o) }, { replace = true }
    end },
  raw_socket = { open = "other", positional = { "fn", "dev" },
    specs = function(o, call)
      if not o.dev then misuse(call, "dev") end
      return { "socket_filter:" .. o.dev }
    end },
  func = { open = "other", positional = { "fn", "fd", "attach_type", "flags" },
           specs = on_hook },
}

--- The options of a call: a table of names, or values in order.
local function options_of(kind, first, ...)
  local is_table = type(first) == "table" and first.fd == nil and select("#", ...) == 0
  if is_table then
    local options = {}
    for name, value in pairs(first) do options[name] = value end
    return options
  end
  local options, values = {}, { first, ... }
  for i, name in ipairs(kind.positional) do options[name] = values[i] end
  return options
end

local function function_name(options)
  if type(options.fn) == "table" then return options.fn.name end
  return options.fn or options.fn_name
end

--- Adds attach_NAME and detach_NAME to the class.
---@param BPF table
function M.add_methods(BPF)
  for name, kind in pairs(M.kinds) do
    local call = "attach_" .. name
    BPF[call] = function(self, ...)
      local options = options_of(kind, ...)
      local specs, opts = kind.specs(options, call, self)
      local fn_name = function_name(options) or misuse(call, "fn_name")
      link.check_quota(kind.open, #specs, BPF.KPROBE_LIMIT)
      for _, spec in ipairs(specs) do self:attach_spec(kind.open, fn_name, spec, opts) end
      return self
    end
    BPF["detach_" .. name] = function(self, ...)
      local options = options_of(kind, ...)
      local specs = kind.specs(options, "detach_" .. name, self)
      self:detach_specs(specs, function_name(options))
      return self
    end
  end
  BPF.remove_xdp = function(self, dev) return self:detach_xdp { dev = dev } end
end

return M
