-- --dump: what becomes of each bpf.load, as text on standard output or in -o FILE.
local compiler = require "bpf.compiler"
local errors = require "bpf.errors"
local loop = require "bpf.loop"
local render = require "bpf.render"

local M = {}

local file

local function write(text)
  local path = loop.settings.output
  if path and not file then
    local why
    file, why = io.open(path, "w")
    if not file then
      error(errors.new { stage = "usage", code = "io",
                         message = "cannot write " .. why }, 0)
    end
  end
  text = text:match("^(.-)%s*$") .. "\n"
  if file then file:write(text) else io.write(text) end
end

-- What the compiler lists beside the object.
local LISTINGS = { ir = true, asm = true, relocs = true }

--- The listing that the compile has to make, or nil.
---@return string?
function M.listing()
  return LISTINGS[loop.settings.dump] and loop.settings.dump or nil
end

--- After a compile: shows the source, or what the compiler has listed.
---@param request bpf.Plan
---@param listing string? of the compiler; none for a compiled object
function M.compiled(request, listing)
  local what = loop.settings.dump
  if what == "source" then
    local is_object = request.kind == "object"
    write(is_object and "/* a compiled object */" or render.text(request))
  elseif LISTINGS[what] then
    if request.kind == "object" then
      listing = select(2, compiler.compile { text = request.text, name = request.file,
                                             directory = "", flags = {},
                                             listing = what })
    end
    write(listing)
  end
end

--- After an object was opened.
function M.opened(handle)
  local what = loop.settings.dump
  if what == "btf" then write(errors.check(handle:types_as_c())) end
  if what == "verifier" then handle:keep_verifier_logs() end
end

-- How many logs of a handle have been shown.
local shown = setmetatable({}, { __mode = "k" })

--- After a load, successful or not: the logs that are new.
function M.loaded(handle)
  if loop.settings.dump ~= "verifier" then return end
  local logs = handle:verifier_logs()
  for place = (shown[handle] or 0) + 1, #logs do
    write(("program %s:\n%s"):format(logs[place].program, logs[place].text))
  end
  shown[handle] = #logs
end

return M
