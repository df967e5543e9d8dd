--- The candidate closest to a mistyped name, for "did you mean" in messages.

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

---@param name string
---@param candidates string[] the first of equals wins
---@return string? nil when nothing is close
return function(name, candidates)
  local best, best_distance
  for _, candidate in ipairs(candidates) do
    local d = distance(name:lower(), candidate:lower())
    if not best or d < best_distance then
      best, best_distance = candidate, d
    end
  end
  if best and best_distance <= math.max(1, math.floor(#name / 3)) then
    return best
  end
end
