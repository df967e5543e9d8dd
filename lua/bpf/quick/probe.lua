-- Kinds of probes as quick probes see them: the C of the context, and what pid, args,
-- arg0, retval and the other builtins are there.
local host = require "bpf.host"
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"
local probes = require "bpf.probes"
local tracepoint_format = require "bpf.tracepoint_format"
local user_prototype = require "bpf.quick.user_prototype"

local M = {}

---@class bpf.quick.Probe
---@field spec string
---@field kind string
---@field section string the SEC() name of its program
---@field context string the C type that the program is given
---@field args string? the C type of `args`, without the star
---@field declaration string? C text that defines that type
---@field cookies boolean whether one program can serve several of them
---@field located table<string, bpf.quick.Located>? set by bpf.quick.located

--- Probes that one program serves. It tells them apart by their cookies, or, `apart`, by
--- an entry program that each of them has.
---@class bpf.quick.Group: bpf.quick.Probe[]
---@field cookies boolean
---@field apart boolean

-- C that is the same everywhere. `%s` in a text is another builtin that it needs.
local COMMON = {
  pid = { "u32 pid", "bpf_get_current_pid_tgid() >> 32" },
  tid = { "u32 tid", "(u32)bpf_get_current_pid_tgid()" },
  uid = { "u32 uid", "(u32)bpf_get_current_uid_gid()" },
  gid = { "u32 gid", "bpf_get_current_uid_gid() >> 32" },
  cpu = { "u32 cpu", "bpf_get_smp_processor_id()" },
  nsecs = { "u64 nsecs", "bpf_ktime_get_ns()" },
  cgroup = { "u64 cgroup", "bpf_get_current_cgroup_id()" },
  rand = { "u32 rand", "bpf_get_prandom_u32()" },
  curtask = { "struct task_struct *curtask", "(void *)bpf_get_current_task()" },
  probe = { "u32 probe", "QUICK_PROBE(ctx)" },
}
-- An array cannot be initialized from a call.
local COMM = "char comm[16] = {}; bpf_get_current_comm(comm, sizeof(comm))"

local MOST_ARGUMENTS = 10

local function registers(form, most)
  local list = {}
  for i = 0, most - 1 do list["arg" .. i] = { "u64 arg" .. i, form:format(i + 1) } end
  return list
end

-- reg("ip") is registers->ip.
local REGISTERS = { registers = { "struct pt_regs *registers", "(void *)ctx" } }
local PARAMETERS = registers("PT_REGS_PARM%d(ctx)", 5)
local RETURNED = { retval = { "s64 retval", "PT_REGS_RC(ctx)" } }
local WORDS = {}
for i = 0, MOST_ARGUMENTS - 1 do
  WORDS["arg" .. i] = { "u64 arg" .. i, ("((const u64 *)ctx)[%d]"):format(i) }
end
local FUNCTION = { func = { "u64 func", "PT_REGS_IP(ctx)" } }
local CALLED = { func = { "u64 func", "bpf_get_func_ip(ctx)" } }

local function merged(...)
  local all = {}
  for _, part in ipairs { ... } do
    for name, entry in pairs(part) do all[name] = entry end
  end
  return all
end

--- A struct whose members are the parameters, and the C that fills it. Without those that
--- have no place, for which `source` gives nil.
local function typed_arguments(prototype, source)
  local members, values = {}, {}
  for i, part in ipairs(prototype) do
    local place = source(i, part)
    if place then
      members[#members + 1] = ("\t%s %s;\n"):format(part.type, part.name)
      values[#values + 1] = (".%s = (%s)%s"):format(part.name, part.type, place)
    end
  end
  return table.concat(members), table.concat(values, ", ")
end

local function word(i) return ("((const u64 *)ctx)[%d]"):format(i - 1) end
local function register(i) return i <= 5 and ("PT_REGS_PARM%d(ctx)"):format(i) or nil end

--- `args` of what has a prototype.
local function use_prototype(probe, prototype, err, source)
  if not prototype then
    probe.no_args = err
    return
  end
  probe.members, probe.values = typed_arguments(prototype, source)
  probe.result, probe.result_place = prototype.result, #prototype
  local words = {}
  for i, part in ipairs(prototype) do words[i] = part.type .. part.name end
  probe.shape = table.concat(words, ",")
end

--- `args` of functions and BTF tracepoints, from BTF.
local function from_prototype(probe, what, name, source)
  local prototype, err = host.prototype(what, name)
  use_prototype(probe, prototype, err, source)
end

--- Only the low byte of a _Bool is given.
local function as(type_, value)
  return type_ == "_Bool" and "(unsigned char)" .. value or value
end

local function argument(_, part)
  if part.place < 0 then return nil end
  return as(part.type, ("quick_argument(ctx, %d)"):format(part.place))
end

--- `args` of a program's function, from its debug information.
local function from_debug_information(probe, rest)
  local prototype, err = user_prototype.of(rest)
  use_prototype(probe, prototype, err, argument)
end

--- `retval` as the debug information has it, else 64 bits with a sign.
local function typed_result(probe, rest)
  local prototype = user_prototype.of(rest)
  local type_ = prototype and prototype.result or ""
  if type_ == "" or type_ == "void" then return end
  probe.shape = type_
  probe.own = { retval = { type_ .. " retval",
                           ("(%s)%s"):format(type_, as(type_, "PT_REGS_RC(ctx)")) } }
end

---@class bpf.quick.Kind
---@field context string
---@field section fun(rest: string): string
---@field builtins table<string, {[1]: string, [2]: string}>
---@field cookies boolean
---@field prepare fun(probe: bpf.quick.Probe, rest: string)?
---@field prepared_for table<string, boolean>? the builtins that need it; default: any
---@field together string? where one link may sit on many: the pattern that cuts a spec
--- into what they share and the function

local function plain(name) return function() return name end end
local function prefixed(name)
  return function(rest) return name .. "/" .. rest:gsub(":", "/") end
end

local OF_KERNEL, OF_BINARY = "^([^:]+:)([^:+]+)$", "^([^:]+:[^:]+:)([^:+]+)$"

---@type table<string, bpf.quick.Kind>
local KINDS = {
  tracepoint = {
    context = "void", section = plain "tracepoint", cookies = true, builtins = {},
    prepare = function(probe, rest)
      local category, event = rest:match("^([^:]+):([^:]+)$")
      if not category then return end
      probe.args = ("struct tracepoint__%s__%s"):format(category, event)
    end,
  },
  raw_tracepoint = {
    context = "struct bpf_raw_tracepoint_args", section = prefixed "raw_tracepoint",
    cookies = false, builtins = WORDS,
  },
  tp_btf = {
    context = "u64", section = prefixed "tp_btf", cookies = false, builtins = WORDS,
    prepare = function(probe, rest) from_prototype(probe, "tracepoint", rest, word) end,
  },
  fentry = {
    context = "u64", section = prefixed "fentry", cookies = false,
    builtins = merged(WORDS, CALLED),
    prepare = function(probe, rest) from_prototype(probe, "function", rest, word) end,
    prepared_for = { args = true },
  },
  fexit = {
    context = "u64", section = prefixed "fexit", cookies = false,
    builtins = merged(WORDS, CALLED),
    prepare = function(probe, rest)
      from_prototype(probe, "function", rest, word)
      if probe.result and probe.result ~= "void" then
        probe.own = { retval = { probe.result .. " retval", ("(%s)((const u64 *)ctx)[%d]")
                                 :format(probe.result, probe.result_place) } }
      end
    end,
    prepared_for = { args = true, retval = true },
  },
  kprobe = {
    context = "struct pt_regs", section = plain "kprobe", cookies = true,
    builtins = merged(PARAMETERS, REGISTERS,
                      { func = { "u64 func", "quick_function(ctx)" } }),
    prepare = function(probe, rest)
      local name = rest:gsub("%+.*", ""):gsub("^.*:", "")
      from_prototype(probe, "function", name, register)
    end,
    prepared_for = { args = true }, together = OF_KERNEL,
  },
  kretprobe = {
    context = "struct pt_regs", section = plain "kretprobe", cookies = true,
    builtins = merged(RETURNED, CALLED, REGISTERS), together = OF_KERNEL,
  },
  ksyscall = {
    context = "struct pt_regs", section = plain "kprobe", cookies = true,
    builtins = registers("PT_REGS_PARM%d_CORE_SYSCALL(PT_REGS_SYSCALL_REGS(ctx))", 6),
  },
  kretsyscall = {
    context = "struct pt_regs", section = plain "kretprobe", cookies = true,
    builtins = merged(RETURNED, REGISTERS),
  },
  uprobe = {
    context = "struct pt_regs", section = plain "uprobe", cookies = true,
    builtins = merged(PARAMETERS, FUNCTION, REGISTERS), together = OF_BINARY,
    prepare = from_debug_information, prepared_for = { args = true },
  },
  uretprobe = {
    context = "struct pt_regs", section = plain "uretprobe", cookies = true,
    builtins = merged(RETURNED, REGISTERS), together = OF_BINARY,
    prepare = typed_result, prepared_for = { retval = true },
  },
  usdt = {
    context = "struct pt_regs", section = plain "usdt", cookies = false,
    builtins = REGISTERS,
  },
  perf = { context = "struct bpf_perf_event_data", section = plain "perf_event",
           cookies = true, builtins = REGISTERS },
  interval = { context = "struct bpf_perf_event_data", section = plain "perf_event",
               cookies = true, builtins = {} },
}

local function needed(wanted, names)
  if not wanted or not names then return true end
  for name in pairs(wanted) do
    if names[name] then return true end
  end
  return false
end

--- One probe of a spec without a pattern.
---@param spec string
---@param names table<string, boolean>? what the expressions mention; default: anything
---@return bpf.quick.Probe
function M.new(spec, names)
  local word_, rest = spec:match("^([%w_%.]+):(.+)$")
  local kind = KINDS[word_]
  if not kind then
    errors.misuse(("'%s' is no probe for a quick probe"):format(spec),
                  probes.kind_hint(word_ or spec, nearest.keys(KINDS)))
  end
  local probe = { spec = spec, kind = word_, context = kind.context,
                  cookies = kind.cookies, section = kind.section(rest), shape = "" }
  if kind.prepare and needed(kind.prepared_for, names) then kind.prepare(probe, rest) end
  return probe
end

--- The specs between commas: one begins where a kind of probe is named ("kprobe:a,b" is
--- one).
local function specs_in(text)
  if type(text) ~= "string" then return { text } end
  local specs, from = {}, 1
  for comma, kind in text:gmatch "(),%s*([%w_%.]+):" do
    if KINDS[kind] then
      specs[#specs + 1] = text:sub(from, comma - 1)
      from = text:find("%S", comma + 1)
    end
  end
  specs[#specs + 1] = text:sub(from)
  return specs
end

--- The probes of a spec, a pattern or a list of these.
---@param specs string|string[]
---@param names table<string, boolean>? what the expressions mention; default: anything
---@return bpf.quick.Probe[]
function M.all(specs, names)
  local found = {}
  for _, spec in ipairs(type(specs) == "table" and specs or { specs }) do
    for _, part in ipairs(specs_in(spec)) do
      for _, each in ipairs(probes.list(part)) do
        found[#found + 1] = M.new(each, names)
      end
    end
  end
  if #found == 0 then errors.misuse("there is no probe in the list") end
  return found
end

local function builtin(probe, name)
  return probe.own and probe.own[name] or KINDS[probe.kind].builtins[name] or COMMON[name]
end

--- Whether `name` is a builtin of some kind of probe, this one or not.
local function is_known(name)
  for _, kind in pairs(KINDS) do
    if kind.builtins[name] then return true end
  end
  return COMMON[name] ~= nil or name == "retval"
end

local function args_type(probe)
  return probe.args or probe.members and ("struct quick_args_%d"):format(probe.number)
end

--- What refuses a builtin that this kind of probe does not have.
local function refuse(probe, name)
  if name == "args" then
    error(probe.no_args or errors.new {
      stage = "attach", code = "invalid",
      message = ("a %s has no args"):format(probe.kind),
      hint = KINDS[probe.kind].builtins.arg0 and "its arguments are arg0, arg1 …" }, 0)
  end
  errors.misuse(("a %s has no %s (%s)"):format(probe.kind, name, probe.spec),
                name:match("^arg%d") and probe.kind == "tracepoint"
                and "a tracepoint's fields are args->NAME" or nil)
end

--- C that defines the type of `args`; empty where it has one already.
---@param probe bpf.quick.Probe
---@param names table<string, boolean> what the expressions mention
function M.definition(probe, names)
  if not names.args or not probe.members then return "" end
  return ("%s {\n%s};\n"):format(args_type(probe), probe.members)
end

--- Declarations at file scope, for the types of columns: never evaluated, never defined.
function M.externs(probe, names)
  local lines = {}
  for name in pairs(names) do
    local entry = builtin(probe, name)
    if name == "args" then
      if not args_type(probe) then refuse(probe, name) end
      lines[#lines + 1] = ("extern %s *args;\n"):format(args_type(probe))
    elseif name == "comm" then
      lines[#lines + 1] = "extern char comm[16];\n"
    elseif entry then
      lines[#lines + 1] = ("extern %s;\n"):format(entry[1])
    elseif is_known(name) then
      refuse(probe, name)
    end
  end
  table.sort(lines)
  return table.concat(lines)
end

--- C at the top of a program: the builtins that `names` mentions and `done` does not.
---@param probe bpf.quick.Probe
---@param names table<string, boolean>
---@param done table<string, boolean> is added to
---@return string
function M.prelude(probe, names, done)
  local lines = {}
  for name in pairs(names) do
    local entry = builtin(probe, name)
    local text
    if done[name] then text = nil
    elseif name == "args" then
      if not args_type(probe) then refuse(probe, name) end
      if probe.members then
        text = ("%s quick_args = { %s }, *args = &quick_args")
               :format(args_type(probe), probe.values)
      else
        text = ("%s *args = (void *)ctx"):format(args_type(probe))
      end
    elseif name == "comm" then text = COMM
    elseif entry then text = ("%s = %s"):format(entry[1], entry[2])
    elseif is_known(name) then refuse(probe, name)
    end
    if text then
      done[name] = true
      lines[#lines + 1] = "\t" .. text .. ";\n"
    end
  end
  table.sort(lines)
  return table.concat(lines)
end

--- The builtins of a probe's kind; without one, those of every kind.
---@param probe bpf.quick.Probe?
---@return string[] sorted
function M.builtin_names(probe)
  local names = { "args", "comm", "kstack", "ustack", "str(", "buf(", "join(", "ntop(" }
  for name in pairs(COMMON) do names[#names + 1] = name end
  for name in pairs(probe and KINDS[probe.kind].builtins or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- The members of `args`.
---@param probe bpf.quick.Probe
---@return string[] in C order
function M.argument_names(probe)
  local names = {}
  for name in (probe.members or ""):gmatch("([%w_]+);\n") do names[#names + 1] = name end
  local event = probe.spec:match "^tracepoint:(.+)$"
  for _, field in ipairs(event and tracepoint_format.fields(event) or {}) do
    names[#names + 1] = field.name
  end
  return names
end

-- Kinds whose SEC() can name the hook: such programs are loaded all at once.
local NAMED = { tracepoint = true, kprobe = true, kretprobe = true, uprobe = true,
                uretprobe = true }

local function own_section(probe)
  if not NAMED[probe.kind] then return probe.section end
  local rest = probe.spec:match("^[^:]+:(.*)$")
  return probe.kind .. "/" .. (probe.kind == "tracepoint" and rest:gsub(":", "/") or rest)
end

--- What a group is attached to: a spec with its cookie, or for many functions of the
--- kernel or of one binary, one with all of them and a table of their cookies. Without
--- cookies where the program need not tell them apart.
---@param group bpf.quick.Group
---@return {spec: string, cookie: integer|table<string, integer>|nil, entry: integer?,
---section: string?}[] entry, section: of its own entry program
function M.places(group)
  local places, sets, by_prefix = {}, {}, {}
  for _, each in ipairs(group) do
    local together = not group.apart and KINDS[each.kind].together
    local prefix, name = each.spec:match(together or "$^")
    if name then
      local set = by_prefix[prefix]
      if not set then
        set = { prefix = prefix, names = {}, cookies = {} }
        by_prefix[prefix], sets[#sets + 1] = set, set
      end
      set.names[#set.names + 1], set.cookies[name] = name, each.number
    else
      places[#places + 1] = { spec = each.spec, cookie = group.cookies and each.number
                                                         or nil,
                              entry = group.apart and each.number or nil,
                              section = group.apart and own_section(each) or nil }
    end
  end
  for _, set in ipairs(sets) do
    local one = not set.names[2] and set.cookies[set.names[1]]
    places[#places + 1] = { spec = set.prefix .. table.concat(set.names, ","),
                            cookie = group.cookies and (one or set.cookies) or nil }
  end
  return places
end

--- The probes in groups that one program can serve: the same kind, the same `args` where
--- the expressions mention them.
---@param all bpf.quick.Probe[]
---@param names table<string, boolean>
---@param from integer? numbers of the probes come after this one
---@param apart boolean? without cookies
---@return bpf.quick.Group[]
function M.groups(all, names, from, apart)
  local groups, by_shape = {}, {}
  for i, probe in ipairs(all) do
    probe.number = (from or 0) + i
    local shape = not probe.cookies and i
                  or probe.kind .. ((names.args or names.retval)
                                    and (probe.args or probe.shape) or "")
    if not by_shape[shape] then
      by_shape[shape] = {}
      groups[#groups + 1] = by_shape[shape]
    end
    table.insert(by_shape[shape], probe)
  end
  for _, group in ipairs(groups) do
    local told = names.probe ~= nil and #group > 1
    group.cookies, group.apart = told and not apart, told and apart or false
  end
  return groups
end

return M
