-- The entry and the return of what latency() measures.
local errors = require "bpf.errors"

local M = {}

local RETURNS = {
  { "^kprobe:(.*)$", "kretprobe:%1" },
  { "^fentry:(.*)$", "fexit:%1" },
  { "^uprobe:(.*)$", "uretprobe:%1" },
  { "^ksyscall:(.*)$", "kretsyscall:%1" },
  { "^tracepoint:syscalls:sys_enter_(.*)$", "tracepoint:syscalls:sys_exit_%1" },
  { "^tracepoint:raw_syscalls:sys_enter$", "tracepoint:raw_syscalls:sys_exit" },
}

-- Best first. A kernel may lack or refuse any of them.
local HOOKS = { "fentry", "kprobe" }

local function return_of(spec)
  for _, pair in ipairs(RETURNS) do
    local text, count = spec:gsub(pair[1], pair[2])
    if count > 0 then return text end
  end
  errors.misuse(("latency: what ends '%s' is not known"):format(spec),
                "name both: latency({ENTRY, RETURN})")
end

--- Calls `fn(entries, returns)`; for a function's bare name with one kind of hook after
--- the other until one works.
---@param specs string|string[]
---@param fn fun(entries: string[], returns: string[]): any
function M.first_that_works(specs, fn)
  if type(specs) == "table" then
    if #specs ~= 2 then errors.misuse("latency takes one probe, or {ENTRY, RETURN}") end
    return fn({ specs[1] }, { specs[2] })
  end
  if type(specs) ~= "string" then
    errors.misuse("latency takes a probe or the name of a kernel function")
  end
  if specs:find(":", 1, true) then return fn({ specs }, { return_of(specs) }) end
  local first
  for _, hook in ipairs(HOOKS) do
    local spec = hook .. ":" .. specs
    local ok, result = pcall(fn, { spec }, { return_of(spec) })
    if ok then return result end
    if not errors.is(result) then error(result, 0) end
    first = first or result
  end
  error(first, 0)
end

return M
