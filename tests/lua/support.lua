--- What specs of the whole program share: running commands, namespaces, waiting.
local ffi = require "ffi"
local shell = require "shell"

ffi.cdef [[
long readlink(const char *path, char *text, size_t size);
int getpid(void);
int usleep(unsigned int microseconds);
]]

local M = {}

local function link_target(path)
  local text = ffi.new("char[4096]")
  local length = tonumber(ffi.C.readlink(path, text, 4096))
  return length > 0 and ffi.string(text, length) or nil
end

--- The program under test: the one that runs the spec.
M.program = link_target("/proc/self/exe")

--- This process.
M.pid = tonumber(ffi.C.getpid())

--- How much longer than on a quiet machine everything may take: emulated ones are slow.
--- Every time limit of a spec comes from here.
M.patience = math.max(1, tonumber(os.getenv "EBPF_LUA_TEST_PATIENCE") or 1)

--- Whether this is a virtual machine, where the kernel is what is tested (tests/vm/init).
M.in_machine = os.getenv "EBPF_LUA_TEST_MACHINE" ~= nil

--- A shell function for the commands of a spec: `wait_for COMMAND...` runs it until it
--- succeeds, for at most 20 patient seconds; false when it never did.
M.WAIT_FOR = ([[
  wait_for() {
    local end=$((SECONDS + %d))
    until "$@"; do ((SECONDS < end)) || return 1; sleep 0.05; done
  }
]]):format(20 * M.patience)

--- A single-quoted shell word.
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---@param path string
---@return boolean
function M.exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- All of a file that is there.
---@param path string
---@return string
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- What is in a file so far: nothing where it is not there yet.
---@param path string
---@return string
function M.read_so_far(path)
  return M.exists(path) and M.read(path) or ""
end

---@param path string
---@return string
function M.read_and_remove(path)
  local text = M.read(path)
  os.remove(path)
  return text
end

--- Runs a shell command, at most 60 patient seconds.
---@param command string
---@return {code: integer, out: string, err: string} code: 128 + n when signal n ended
--- it, 124 when it took too long
function M.sh(command)
  local out, err = os.tmpname(), os.tmpname()
  local code = shell.run(command, out, err, 60 * M.patience)
  return { code = code, out = M.read_and_remove(out), err = M.read_and_remove(err) }
end

--- Runs the program under test with these arguments (shell words).
function M.run(arguments)
  return M.sh(M.quote(M.program) .. " " .. arguments)
end

--- Runs a script given as text.
---@param arguments string? of the script
---@param options string? of the program
function M.run_script(text, arguments, options)
  local path = os.tmpname() .. ".lua"
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local result = M.run(("%s %s %s"):format(options or "", path, arguments or ""))
  os.remove(path)
  result.path = path
  return result
end

function M.sleep(seconds)
  ffi.C.usleep(seconds * 1e6)
end

--- Calls `fn` until it returns something true, which is returned; false when it has not
--- for 20 patient seconds.
---@param fn fun(): any
function M.eventually(fn)
  local ends = os.time() + 20 * M.patience
  repeat
    local value = fn()
    if value then return value end
    M.sleep(0.02)
  until os.time() > ends
  return fn()
end

return M
