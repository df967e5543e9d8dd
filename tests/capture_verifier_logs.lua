-- ebpf-lua tests/capture_verifier_logs.lua OUT [NAME...]: loads every program of
-- tests/data/verifier/*.c, each of which the verifier refuses, and writes the logs of the
-- running kernel to OUT/NAME.log. A program that this kernel accepts, or refuses for
-- another reason than its verifier's, is named and gives no file.
--
-- A source that begins with "/* capabilities: bpf */" is loaded without CAP_PERFMON and
-- CAP_SYS_ADMIN, for what the verifier forgives the privileged. One that begins with
-- "/* in a virtual machine only" is loaded where IN_A_VIRTUAL_MACHINE is set.
local bpf = require "bpf"

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local out = assert(arg[1], "a folder for the logs is missing")

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function names()
  if arg[2] then return { unpack(arg, 2) } end
  local list = {}
  for path in io.popen(("ls %s/data/verifier/*.c"):format(here)):lines() do
    list[#list + 1] = path:match("([^/]+)%.c$")
  end
  return list
end

--- A program that is too complex has a log of megabytes, of which the end explains it.
local function tail(log)
  if #log < 64 * 1024 then return log end
  return log:sub(-16 * 1024):match("\n(.*)")
end

local function capture(name)
  local path = ("%s/data/verifier/%s.c"):format(here, name)
  local ok, err = pcall(function()
    local object = bpf.load { file = path, name = "test" }
    object.programs.program:load()
    object:close()
  end)
  if ok then
    print(name .. ": accepted")
  elseif err.code ~= "verifier" then
    print(name .. ": " .. tostring(err))
  else
    local file = assert(io.open(("%s/%s.log"):format(out, name), "wb"))
    file:write(tail(err.detail))
    file:close()
  end
end

for _, name in ipairs(names()) do
  local path = ("%s/data/verifier/%s.c"):format(here, name)
  local source = read(path)
  local confined = source:find("^/%* capabilities: bpf %*/")
  local elsewhere = source:find("^/%* in a virtual machine only")
  if elsewhere and not os.getenv("IN_A_VIRTUAL_MACHINE") then
    print(name .. ": left out on this machine")
  elseif confined and not os.getenv("CONFINED") then
    local command = "CONFINED=1 setpriv --bounding-set=-perfmon,-sys_admin "
      .. "$(readlink -f %s) %s %s %s"
    os.execute(command:format("/proc/$PPID/exe", arg[0], out, name))
  else
    capture(name)
  end
end
