-- Stage 2, render: a plan -> one C text whose diagnostics speak of the user's own lines.
local M = {}

---@param plan bpf.Plan of kind "source" or "file"
---@return string text
function M.text(plan)
  local prelude = plan.prelude or ""
  if prelude ~= "" then prelude = '#line 1 "<generated>"\n' .. prelude .. "\n" end
  if plan.kind == "file" and prelude == "" then return plan.text end
  local file = plan.file:gsub('[\\"]', "\\%0")
  local line = plan.kind == "file" and 1 or plan.line
  return ('%s#line %d "%s"\n%s\n'):format(prelude, line, file, plan.text)
end

return M
