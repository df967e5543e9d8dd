-- POSIX extended regular expressions, for event_re and its like: Python's users write
-- "^tcp_.*"; like Python's match(), they begin at the start.
local ffi = require "ffi"
local errors = require "bpf.errors"

ffi.cdef [[
int ebl_bcc_regcomp(void *regex, const char *pattern, int flags) __asm__("regcomp");
int ebl_bcc_regexec(const void *regex, const char *text, size_t count, void *matches,
                    int flags) __asm__("regexec");
void ebl_bcc_regfree(void *regex) __asm__("regfree");
]]
local C = ffi.C

local M = {}

local ROOM = 256 -- glibc's regex_t has 64 bytes
local EXTENDED, NO_PLACES = 1, 8

--- A function that tells whether a text matches.
---@param pattern string
---@return fun(text: string): boolean
function M.matcher(pattern)
  local regex = ffi.new("uint64_t[?]", ROOM / 8)
  local anchored = "^(" .. pattern:gsub("^%^", "") .. ")"
  if C.ebl_bcc_regcomp(regex, anchored, EXTENDED + NO_PLACES) ~= 0 then
    errors.misuse(("'%s' is not a regular expression"):format(pattern))
  end
  ffi.gc(regex, C.ebl_bcc_regfree)
  return function(text)
    return C.ebl_bcc_regexec(regex, text, 0, nil, 0) == 0
  end
end

return M
