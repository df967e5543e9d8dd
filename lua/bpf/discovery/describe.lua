-- The arguments of probes, by kind: what `args->`, a prototype or a USDT argument is.
local host = require "bpf.host"
local errors = require "bpf.errors"
local tracepoint_format = require "bpf.tracepoint_format"
local user_prototype = require "bpf.quick.user_prototype"

local M = {}

---@class bpf.ProbeArgument
---@field name string
---@field type string "char[16]", "struct sk_buff *"
---@field offset integer? in the record, in bytes
---@field size integer? in bytes
---@field values {name: string, value: any}[]? of an enumeration

---@class bpf.ProbeDescription
---@field arguments bpf.ProbeArgument[]
---@field result string? the type that a function returns

local enums = {}

--- The values of "enum X"; nil for other types.
local function values_of(type_)
  if not type_:find("^enum ") then return nil end
  if enums[type_] == nil then
    local layout = host.kernel_layout(type_)
    enums[type_] = layout and layout.types[layout.root].values or false
  end
  return enums[type_] or nil
end

local function tracepoint_fields(name)
  local arguments = {}
  for i, field in ipairs(errors.check(tracepoint_format.fields(name))) do
    arguments[i] = { name = field.name, type = field.type, offset = field.offset,
                     size = field.size, values = values_of(field.base) }
  end
  return arguments
end

local function from_prototype(prototype, with_result)
  if not prototype then return { arguments = {} } end
  local arguments = {}
  for i, part in ipairs(prototype) do
    arguments[i] = { name = part.name, type = part.type, values = values_of(part.type) }
  end
  if prototype.variadic then arguments[#arguments + 1] = { name = "", type = "..." } end
  local result = with_result and prototype.result ~= "" and prototype.result or nil
  return { arguments = arguments, result = result }
end

--- All prototypes of a glob at once: reading BTF takes longer than what it is read for.
local function prototypes(what, prefix, with_result)
  return function(glob)
    local known = host.prototypes(what, (prefix or "") .. glob) or {}
    return function(name)
      return from_prototype(known[(prefix or "") .. name], with_result)
    end
  end
end

local function of_tracepoint()
  return function(name) return { arguments = tracepoint_fields(name) } end
end

local function of_syscall()
  return function(name)
    local arguments = {}
    for _, field in ipairs(tracepoint_fields("syscalls:sys_enter_" .. name)) do
      if field.name ~= "__syscall_nr" then
        arguments[#arguments + 1] = { name = field.name, type = field.type }
      end
    end
    return { arguments = arguments, result = "long" }
  end
end

local function usdt_type(argument)
  if argument.floating then return argument.size == 4 and "float" or "double" end
  return ("%s%d"):format(argument.signed and "s" or "u", argument.size * 8)
end

local function of_usdt(glob)
  local known = {}
  local path = host.find_binary((glob:match("^[^:]+")))
  for _, probe in ipairs(path and host.usdt_probes(path) or {}) do
    local arguments = {}
    for i, argument in ipairs(probe.locations[1].arguments) do
      arguments[i] = { name = "arg" .. i - 1, type = usdt_type(argument),
                       size = argument.size }
    end
    known[probe.provider .. ":" .. probe.name] = { arguments = arguments }
  end
  return function(name)
    return known[name:match("^.-:(.*)$")] or { arguments = {} }
  end
end

--- Functions of programs, where their debug information is at hand.
local function of_binary()
  return function(name) return from_prototype(user_prototype.of(name), true) end
end

local functions = prototypes("function", nil, true)
local events = prototypes("tracepoint")

local KINDS = {
  tracepoint = of_tracepoint, tp_btf = events, raw_tracepoint = events,
  kprobe = functions, kretprobe = functions, ["kprobe.session"] = functions,
  fentry = functions, fexit = functions, fmod_ret = functions,
  ksyscall = of_syscall, kretsyscall = of_syscall, syscall = of_syscall,
  lsm = prototypes("function", "bpf_lsm_", true),
  iter = prototypes("function", "bpf_iter_"), usdt = of_usdt,
  uprobe = of_binary, uretprobe = of_binary, ["uprobe.session"] = of_binary,
}

--- What describes the probes of a kind whose names match a glob.
---@param kind string
---@param glob string
---@return fun(name: string): bpf.ProbeDescription
function M.of(kind, glob)
  local make = KINDS[kind]
  return make and make(glob) or function() return { arguments = {} } end
end

return M
