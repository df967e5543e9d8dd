-- The fields of a tracepoint's record, from its format file in tracefs.
local host = require "bpf.host"

local M = {}

---@class bpf.TracepointField
---@field name string
---@field type string with its dimension: "char[16]", "__data_loc char[]"
---@field base string the same without it
---@field offset integer in the record, in bytes
---@field size integer in bytes

--- Those of its own, in the record's order: what every tracepoint has is left out. Empty
--- where there is no such tracepoint; nil and why without tracefs.
---@param event string "CATEGORY:EVENT"
---@return bpf.TracepointField[]?
---@return bpf.Error?
function M.fields(event)
  local point, err = host.tracefs()
  if not point then return nil, err end
  local file = io.open(("%s/events/%s/format"):format(point, (event:gsub(":", "/"))))
  local fields = {}
  if not file then return fields end
  for line in file:lines() do
    local text, offset, size = line:match("field:(.-);%s*offset:(%d+);%s*size:(%d+);")
    local base, name, dimension = (text or ""):match("^(.-)%s*([%w_]+)(%[?[%w_]*%]?)$")
    if name and not name:find("^common_") then
      fields[#fields + 1] = { name = name, type = base .. dimension, base = base,
                              offset = tonumber(offset), size = tonumber(size) }
    end
  end
  file:close()
  return fields
end

return M
