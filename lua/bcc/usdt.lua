-- USDT: static probes of a process or a file, and the C that reads their arguments for
-- bpf_usdt_readarg().
local host = require "bpf.host"
local class = require "bcc.class"
local errors = require "bpf.errors"
local look_up = require "bpf.look_up"
local nearest = require "bpf.nearest"
local symbols = require "bcc.symbols"

---@class bcc.Usdt
local Usdt = class.new("USDT")

local C_TYPES = { [1] = "char", [2] = "short", [4] = "int", [8] = "long long" }
local CTYPE_NAMES = { [1] = "int8_t", [2] = "int16_t", [4] = "int32_t", [8] = "int64_t" }

--- Files with code that a process has mapped, each once.
local function mapped_files(pid)
  local file = io.open(("/proc/%d/maps"):format(pid))
  if not file then
    errors.misuse(("there is no process %s, or it may not be looked at")
                  :format(tostring(pid)))
  end
  local list, seen = {}, {}
  for line in file:lines() do
    local flags, path = line:match "^%S+ (%S+) %S+ %S+ %d+%s+(/.*)$"
    if path and flags:find "x" and not seen[path] and not path:find " %(deleted%)$" then
      seen[path] = true
      list[#list + 1] = path
    end
  end
  file:close()
  return list
end

--- Takes {pid=} or {path=}, or both: that file of that process.
function Usdt:initialize(args)
  args = args or {}
  if not args.pid and not args.path then
    errors.misuse("USDT takes a pid or a path", "USDT:new{path = \"/usr/bin/python3\"}")
  end
  self.pid, self.enabled = args.pid, {}
  local files = args.path and { symbols.binary(args.path) } or mapped_files(args.pid)
  self.probes = {}
  for _, path in ipairs(files) do
    local seen_as = args.pid and ("/proc/%d/root%s"):format(args.pid, path) or path
    local found, err = host.usdt_probes(seen_as)
    if not found and args.path then error(err, 0) end -- else one of many files
    for _, probe in ipairs(found or {}) do
      probe.path = path
      self.probes[#self.probes + 1] = probe
    end
  end
end

local function find(self, name)
  local provider, short = name:match "^([^:]+):(.+)$"
  short = short or name
  local names, found = {}, nil
  for _, probe in ipairs(self.probes) do
    names[#names + 1] = probe.name
    if probe.name == short and (not provider or provider == probe.provider) then
      if found and found.provider ~= probe.provider then
        errors.misuse(("several providers have a probe '%s'"):format(short),
                      ("write '%s:%s'"):format(found.provider, short))
      end
      found = found or probe
    end
  end
  return found, nearest.hint(short, names, "probes")
end

--- Has a function of the C run at a probe, from BPF:new{usdt = this} on.
---@param args {probe: string, fn_name: string} "probe" or "provider:probe"
function Usdt:enable_probe(args, fn_name)
  if type(args) == "string" then args = { probe = args, fn_name = fn_name } end
  if not args.probe or not args.fn_name then
    errors.misuse("enable_probe takes probe and fn_name")
  end
  local probe, hint = find(self, args.probe)
  if not probe then
    errors.misuse(("there is no probe '%s'"):format(args.probe), hint)
  end
  self.enabled[#self.enabled + 1] = { probe = probe, fn_name = args.fn_name }
end

Usdt.enable_probe_or_bail = Usdt.enable_probe

--- Every probe: {provider, name, path, locations = {{address, offset, semaphore,
--- arguments = {{text, size, signed, …}}}}}.
function Usdt:enumerate_probes() return self.probes end

--- {path, fn_name, address, pid} for each place of each enabled probe.
function Usdt:enumerate_active_probes()
  local list = {}
  for _, entry in ipairs(self.enabled) do
    for _, location in ipairs(entry.probe.locations) do
      list[#list + 1] = { path = entry.probe.path, fn_name = entry.fn_name,
                          address = location.address, pid = self.pid or -1 }
    end
  end
  return list
end

--- Of several places of an argument, the widest type.
local function widest(locations, index)
  local size, signed = 0, false
  for _, location in ipairs(locations) do
    local argument = location.arguments[index]
    if argument then
      size, signed = math.max(size, argument.size), signed or argument.signed
    end
  end
  return size, signed
end

--- The C type of an argument, counted from 0: "int32_t".
function Usdt:get_probe_arg_ctype(name, index)
  local probe, hint = find(self, name)
  if not probe then errors.misuse(("there is no probe '%s'"):format(name), hint) end
  local size, signed = widest(probe.locations, index + 1)
  if size == 0 then return nil end
  return (signed and "" or "u") .. CTYPE_NAMES[size]
end

local function c_type(size, signed)
  return (signed and "signed " or "unsigned ") .. C_TYPES[size]
end

local function register(part)
  local text = "ctx->" .. part.member
  return part.shift > 0 and ("(%s >> %d)"):format(text, part.shift) or text
end

--- C statements that leave the argument in *result; nil where it cannot be read.
local function reading(argument)
  local own = c_type(argument.size, argument.signed)
  if argument.kind == "constant" then
    return ("*result = (%s)%s;"):format(own, argument.value)
  elseif argument.kind == "register" then
    return ("*result = (%s)%s;"):format(own, register(argument.base))
  elseif argument.kind == "memory" then
    local parts = { argument.value }
    if argument.base then parts[#parts + 1] = register(argument.base) end
    if argument.index then
      parts[#parts + 1] = ("((unsigned long long)%s << %d)")
        :format(register(argument.index), argument.scale)
    end
    return ("%s value = 0; if (bpf_probe_read_user(&value, sizeof(value), "
      .. "(void *)(%s))) return -1; *result = value;"):format(own,
                                                              table.concat(parts, " + "))
  end
end

--- What tells the places of a probe apart: the cookie, or before Linux 5.15 the place in
--- the page, which is the same wherever the file is mapped.
local function has_cookies()
  return (pcall(function() return look_up.enum.BPF_FUNC_get_attach_cookie end))
end

local function selector(cookies)
  if cookies then return "bpf_get_attach_cookie(ctx)" end
  return jit.arch == "arm64" and "ctx->pc & 0xfff" or "ctx->ip & 0xfff"
end

local function reader(fn_name, index, places, cookies, distinct)
  local locations = {}
  for i, place in ipairs(places) do locations[i] = place.location end
  local size, signed = widest(locations, index)
  local out = { ("static inline __attribute__((always_inline, unused)) int "
    .. "_bpf_readarg_%s_%d(struct pt_regs *ctx, void *target, unsigned long size) {")
    :format(fn_name, index), ("  %s *result = target;"):format(c_type(size, signed)),
    ("  if (size != %d) return -1;"):format(size) }
  if not distinct then
    local statement = reading(locations[1].arguments[index])
    out[#out + 1] = statement and ("  { %s return 0; }"):format(statement)
    out[#out + 1] = "  return -1;\n}\n"
    return table.concat(out, "\n")
  end
  out[#out + 1] = ("  switch (%s) {"):format(selector(cookies))
  local seen = {}
  for _, place in ipairs(places) do
    local label = cookies and place.number or place.location.address % 4096
    local argument = place.location.arguments[index]
    local statement = argument and reading(argument)
    if not seen[label] and statement then
      out[#out + 1] = ("  case %d: { %s return 0; }"):format(label, statement)
    end
    seen[label] = true
  end
  out[#out + 1] = "  }\n  return -1;\n}\n"
  return table.concat(out, "\n")
end

--- The places at which each function runs, with the numbers that their cookies have.
function Usdt:places_of_functions()
  local by_function, order = {}, {}
  for _, entry in ipairs(self.enabled) do
    local places = by_function[entry.fn_name]
    if not places then
      places = { sets = 0 }
      by_function[entry.fn_name], order[#order + 1] = places, entry.fn_name
    end
    local sets = 0
    for _, location in ipairs(entry.probe.locations) do
      places[#places + 1] = { location = location,
                              number = places.sets + location.argument_set }
      sets = math.max(sets, location.argument_set + 1)
    end
    if places.sets > 0 and sets > 1 then
      errors.misuse(("function '%s' is for several probes, and '%s' has its arguments in "
        .. "several places"):format(entry.fn_name, entry.probe.name),
        "write a function for each probe")
    end
    entry.cookie = places.sets > 0 and places.sets or nil
    places.sets = places.sets + sets
  end
  return by_function, order
end

--- The C that reads the arguments of the enabled probes.
---@return string
function Usdt:get_text()
  local cookies = has_cookies()
  local by_function, order = self:places_of_functions()
  local out = {}
  for _, fn_name in ipairs(order) do
    local places, most = by_function[fn_name], 0
    for _, place in ipairs(places) do
      most = math.max(most, #place.location.arguments)
    end
    for index = 1, most do
      out[#out + 1] = reader(fn_name, index, places, cookies, places.sets > 1)
    end
  end
  return table.concat(out)
end

Usdt._get_text = Usdt.get_text

--- Attaches what is enabled.
---@param bpf table
function Usdt:attach_uprobes(bpf)
  for _, entry in ipairs(self.enabled) do
    local probe = entry.probe
    bpf:attach_spec("usdt", entry.fn_name, ("usdt:%s:%s:%s"):format(probe.path,
      probe.provider, probe.name), { pid = self.pid, cookie = entry.cookie })
  end
end

--- Nothing to do: what is attached belongs to the BPF object.
function Usdt.static.cleanup() end

return Usdt
