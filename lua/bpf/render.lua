-- Stage 2, render: a plan -> one C text whose diagnostics speak of the user's own lines.
local M = {}

---@param plan bpf.Plan of kind "source" or "file"
---@return string text
function M.text(plan)
  if plan.kind == "file" then return plan.text end
  local file = plan.file:gsub('[\\"]', "\\%0")
  return ('#line %d "%s"\n%s\n'):format(plan.line, file, plan.text)
end

return M
