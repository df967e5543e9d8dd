-- The gallery: the tools that a bare NAME runs, and the line that each says about itself.
local host = require "bpf.host"
local errors = require "bpf.errors"
local output = require "bpf.output"

local M = {}

--- The names of the tools, sorted.
---@return string[]
function M.names()
  local names = {}
  for _, file in ipairs(errors.check(host.files(host.gallery()))) do
    names[#names + 1] = file:match("^(.+)%.lua$")
  end
  return names
end

--- "what it does." of the header's "-- NAME: what it does."
local function summary(name)
  local file = io.open(("%s/%s.lua"):format(host.gallery(), name))
  if not file then return "" end
  local text
  for _ = 1, 3 do
    text = text or (file:read("*l") or ""):match("^%-%- " .. name:gsub("%p", "%%%0")
                                                 .. ": (.*)$")
  end
  file:close()
  return text or ""
end

--- --tools: a line for each.
function M.list()
  local tbl = output.api.table { { name = "tool", width = 16 }, { name = "what it does",
                                                                   key = "summary" } }
  for _, name in ipairs(M.names()) do tbl:row { tool = name, summary = summary(name) } end
end

return M
