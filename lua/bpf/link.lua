-- Links: what is attached. The object owns them; dropping one from Lua detaches nothing.
local errors = require "bpf.errors"
local ffi = require "ffi"
local losses = require "bpf.losses"
local record_type = require "bpf.record_type"

local M = {}

---@class bpf.Link
---@field spec string the probe in the grammar's own words
---@field program bpf.Program
local Link = {}
Link.__index = Link
M.Link = Link

---@param handle userdata
---@param program bpf.Program
---@return bpf.Link
function M.new(handle, program)
  return setmetatable({ handle = handle, owner = program.owner, program = program,
                        spec = handle:spec() }, Link)
end

--- What attaching gives under --dry-run: a link to nothing.
---@param spec string
---@param owner bpf.Object
---@return bpf.Link
function M.dry(spec, owner)
  return setmetatable({ owner = owner, spec = spec }, Link)
end

--- Detaches; a second call does nothing.
function Link:close()
  if not self.handle then return end
  losses.note_missed { self }
  self.handle:close()
  self.handle = nil
  self.owner:forget(self)
end

local function open(self)
  return self.handle or errors.misuse(("the link to %s is closed"):format(self.spec))
end

--- What the kernel says of it; `missed` counts the runs that it had to skip, where it
--- tells.
---@return table info {spec, id?, program_id?, missed?, functions?, left_out?}: `id` where
--- the kernel has a single link for it; `functions` where it sits on many
function Link:info()
  local info = errors.check(open(self):info())
  info.spec = self.spec
  return info
end

--- Runs that the kernel skipped and counts for this link alone, 0 where it counts none:
--- kprobes and kretprobes, from 6.7 on.
---@return integer
function Link:skipped()
  local info = open(self):info()
  return info and info.missed or 0
end

--- Functions of its pattern that the kernel lets nobody probe.
---@return integer
function Link:left_out()
  local info = open(self):info()
  return info and info.left_out or 0
end

--- Runs that the kernel had to skip: those that it counts for this link, and those of its
--- program at any of its links because the program was running already on that CPU. nil
--- where this kernel counts neither.
---@return integer?
function Link:missed()
  local own = (open(self):info() or {}).missed
  local misses = self.owner.handle:recursion_misses(self.program.name)
  return (own or misses) and (own or 0) + (misses or 0) or nil
end

--- Keeps the attachment beyond the end of the program, as a file of a bpffs.
---@param path string
function Link:pin(path)
  errors.check(open(self):pin(path))
end

--- Puts another program in place without a gap (networking kinds).
---@param program bpf.Program
function Link:update(program)
  program:load()
  errors.check(open(self):update(program.owner.handle, program.name))
end

--- What the program of an iterator (`iter:…`) writes, run now over all there is.
---@return string bytes
function Link:read()
  return errors.check(open(self):read())
end

--- The same, line by line.
---@return fun(): string?
function Link:lines()
  return self:read():gmatch("[^\n]+")
end

--- The same as records: what the program writes with bpf_seq_write().
---@param type_name string "struct entry", a type of the program's C
---@return fun(): any
function Link:records(type_name)
  local set, root = record_type.named(self.owner, type_name)
  local size, own = set:size(root), set:own(root)
  local bytes, at = self:read(), 0
  if #bytes % size ~= 0 then
    errors.misuse(("%s: %d bytes are no whole number of %s (%d bytes)")
                  :format(self.spec, #bytes, type_name, size))
  end
  local start = ffi.cast("const uint8_t *", bytes)
  return function()
    if at == #bytes then return nil end
    at = at + size
    return own(start + (at - size))
  end
end

function Link:__tostring()
  return ("link: %s%s"):format(self.spec, self.handle and "" or " (closed)")
end

return M
