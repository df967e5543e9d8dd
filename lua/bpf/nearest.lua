--- Suggestions for misspelt names.
local M = {}

--- Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local x, y = a:byte(i), b:byte(j)
      local replaced = last[j - 1] + (x == y and 0 or 1)
      local best = math.min(last[j] + 1, row[j - 1] + 1, replaced)
      if i > 1 and j > 1 and x == b:byte(j - 1) and a:byte(i - 1) == y then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

--- The candidate that is closest to `name`, within a third of its length.
---@param name string
---@param candidates string[] the first of equals wins
---@return string? nil when nothing is close
function M.find(name, candidates)
  local best
  local wanted, most = name:lower(), math.max(1, math.floor(#name / 3))
  for _, candidate in ipairs(candidates) do
    -- Lengths that differ by more than that are as many edits: there may be 60,000 names.
    if math.abs(#candidate - #name) <= most then
      local d = distance(wanted, candidate:lower())
      if d <= most then
        best, most = candidate, d - 1
        if d == 0 then return best end
      end
    end
  end
  return best
end

--- "did you mean 'x'?", or the list of all names, or that there is none.
---@param wanted string
---@param names string[] may be sorted in place
---@param noun string what the names are, in the plural
---@return string
function M.hint(wanted, names, noun)
  local found = M.find(wanted, names)
  if found then return ("did you mean '%s'?"):format(found) end
  if #names == 0 then return "there are no " .. noun end
  table.sort(names)
  return ("%s: %s"):format(noun, table.concat(names, ", ", 1, math.min(#names, 20)))
end

---@param map table<string, any>
---@return string[]
function M.keys(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = tostring(name) end
  return names
end

return M
