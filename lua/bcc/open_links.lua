-- How many probes of each kind are open in the whole process, and the limit on them.
local errors = require "bpf.errors"

local M = {}

local counts = { kprobe = 0, uprobe = 0, tracepoint = 0, other = 0 }

function M.opened(kind) counts[kind] = counts[kind] + 1 end
function M.closed(kind) counts[kind] = counts[kind] - 1 end
function M.count(kind) return counts[kind] end

--- Raises where `more` probes would be too many.
function M.check_quota(kind, more, limit)
  if kind ~= "kprobe" and kind ~= "uprobe" then return end
  local open = counts.kprobe + counts.uprobe
  if open + more > limit then
    errors.misuse(("%d probes more would be %d, and %d are allowed")
                  :format(more, open + more, limit),
                  "raise BPF.KPROBE_LIMIT, or the environment variable BCC_PROBE_LIMIT")
  end
end

return M
