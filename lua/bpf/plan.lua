-- Stage 1, plan: what bpf.load was asked for, checked, as one plain table.
local errors = require "bpf.errors"
local option_table = require "bpf.options"

local M = {}

---@class bpf.LoadOptions
---@field source string? C text; exactly one of source and file
---@field file string? a .c, .bpf.c or compiled .o file; relative to the script's folder
---@field constants table<string, any>? values of `const volatile` variables
---@field prelude string? C text in front of it; lines are counted from the source
---@field cflags string[]? -D, -U, -I and the like
---@field dialect "bcc"|"libbpf"? of the C; default: told from the text
---@field name string? of the object, in messages and in the kernel; default: the script's
---@field maps table<string, bpf.Map>? other objects' maps, in the place of its own
---@field load boolean? false: compile only, never touch the kernel

---@class bpf.Plan
---@field kind "source"|"file"|"object"
---@field text string the C text, or the ELF bytes of an object
---@field name string
---@field directory string where local headers are; "" for none
---@field prelude string? C text in front
---@field file string what diagnostics call the text
---@field line integer the line of `file` on which the text begins
---@field constants table
---@field flags string[]
---@field dialect string "": told from the text
---@field compile_only boolean

local OPTIONS = { source = "string", file = "string", prelude = "string",
                  constants = "table", cflags = "table", maps = "table", name = "string",
                  load = "boolean", dialect = "string" }

local DIALECTS = { [""] = true, bcc = true, libbpf = true }

--- Chunks that are no files (-e, -), by their debug name, for line numbers.
---@type table<string, string>
M.chunks = {}

local function read_file(path)
  local file, why = io.open(path, "rb")
  if not file then errors.misuse(("cannot read %s"):format(why)) end
  local text = file:read("*a")
  file:close()
  if not text then errors.misuse(("cannot read %s: not a file"):format(path)) end
  return text
end

--- The line of `script` on which `text` stands, the last one at or before the call.
local function line_of(script, text, call_line)
  local found, line, from = nil, 1, 1
  local at = script:find(text, 1, true)
  while at do
    for _ in script:sub(from, at - 1):gmatch("\n") do line = line + 1 end
    if found and line > call_line then break end
    found, from = line, at
    at = script:find(text, at + 1, true)
  end
  return found
end

--- Finds where a literal stands in the script that calls: diagnostics then speak of that
--- place.
---@return string file
---@return integer line
local function locate(text, info)
  if not info then return "<source>", 1 end
  local script = M.chunks[info.source]
  local shown = info.short_src
  if not script and info.source:sub(1, 1) == "@" then
    shown = info.source:sub(2)
    local file = io.open(shown, "rb")
    script = file and file:read("*a")
    if file then file:close() end
  end
  local line = script and text ~= "" and line_of(script, text, info.currentline)
  if line then return shown, line end
  return ("<source of %s:%d>"):format(shown, info.currentline), 1
end

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or "."
end

local function script_folder(info)
  local path = info and info.source:match("^@(.*)")
  return path and folder_of(path)
end

local function object_name(options, fallback)
  local name = options.name or fallback:match("([^/]+)$"):gsub("%..*$", "")
  name = name:gsub("[^%w_]", "_")
  return name ~= "" and name or "script"
end

---@param options bpf.LoadOptions
---@return bpf.Plan
function M.of(options)
  option_table.check("bpf.load", options, OPTIONS)
  if (options.source == nil) == (options.file == nil) then
    errors.misuse("bpf.load takes exactly one of 'source' and 'file'")
  end
  local caller = errors.caller()
  local plan = { constants = options.constants or {}, flags = options.cflags or {},
                 compile_only = options.load == false, maps = options.maps or {},
                 prelude = options.prelude, line = 1, dialect = options.dialect or "" }
  if not DIALECTS[plan.dialect] then
    errors.misuse(("bpf.load: unknown dialect '%s'"):format(plan.dialect),
                  "write \"bcc\" or \"libbpf\", or leave it out")
  end
  for i, flag in pairs(plan.flags) do
    if type(i) ~= "number" or type(flag) ~= "string" then
      errors.misuse(("bpf.load: cflags takes a list of strings, got a %s at %s")
                    :format(type(flag), tostring(i)))
    end
  end
  if options.source then
    plan.kind, plan.text = "source", options.source
    plan.file, plan.line = locate(options.source, caller)
    plan.directory = script_folder(caller) or ""
    plan.name = object_name(options, caller and caller.source:match("^@(.*)") or "script")
    return plan
  end
  local path, folder = options.file, script_folder(caller)
  if path:sub(1, 1) ~= "/" and folder then path = folder .. "/" .. path end
  plan.text = read_file(path)
  plan.kind = plan.text:sub(1, 4) == "\127ELF" and "object" or "file"
  if plan.kind == "file" and path:match("%.o$") then
    errors.misuse(("%s is not a compiled object: it is not an ELF file"):format(path),
                  "make one with clang --target=bpf -g -O2 -c, or load the .c file")
  end
  plan.file, plan.directory = path, folder_of(path)
  plan.name = object_name(options, path)
  return plan
end

return M
