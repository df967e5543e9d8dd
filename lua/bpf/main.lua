-- The program's life: runs what the command line asked for, prints errors, detaches all.
local C = require "bpf.ffi_api"
local host = require "bpf.host"
local errors = require "bpf.errors"
local loop = require "bpf.loop"
local object = require "bpf.object"
local output = require "bpf.output"
local plan = require "bpf.plan"

local USAGE_EXIT = 2

local function say(text)
  C.ebl_flush()
  io.stderr:write(text, "\n")
end

--- Prints an uncaught error as the user should see it. `verbose` adds the whole texts.
local function report(err, verbose)
  if not errors.is(err) then
    say("ebpf-lua: " .. tostring(err))
    return 1
  end
  if err.code == "compile" and err.detail then
    say((err.detail:gsub("%s+$", "")))
  else
    say("ebpf-lua: " .. tostring(err))
  end
  if err.hint and err.hint ~= "" then say("  hint: " .. err.hint) end
  local is_lua_error = err.stage == "script" and err.detail
  if err.detail and err.code ~= "compile" and (verbose or is_lua_error) then
    say((err.detail:gsub("%s+$", "")))
  end
  return err.exit_code
end

--- Detaches everything and writes what is buffered. Returns false when the output is
--- closed.
local function shut_down()
  object.close_all()
  if C.ebl_flush() ~= 0 then loop.output_closed = true end
end

local function is_file(path)
  local file = io.open(path, "rb")
  local readable = file and file:read(0) ~= nil or file and file:seek("end") == 0
  if file then file:close() end
  return readable
end

local function usage(message, hint)
  error(errors.new { stage = "usage", code = "not_found", message = message,
                     hint = hint }, 0)
end

--- The file of a SCRIPT or NAME.
local function find_script(name)
  local gallery = host.gallery()
  if name:find("/", 1, true) or name:match("%.lua$") then
    if is_file(name) then
      local warning = host.script_warning(name)
      if warning then say("ebpf-lua: warning: " .. warning) end
      return name
    end
    local of_gallery = gallery .. "/" .. name
    if not name:find("/", 1, true) and is_file(of_gallery) then return of_gallery end
    usage(("no script '%s'"):format(name))
  end
  local path = ("%s/%s.lua"):format(gallery, name)
  if is_file(path) then return path end
  usage(("no tool '%s' in the gallery"):format(name),
        is_file(name) and ("to run the file: ebpf-lua ./%s"):format(name)
        or ("the gallery is %s"):format(gallery))
end

local function compile_chunk(text, name)
  plan.chunks["=" .. name] = text
  local chunk, why = loadstring(text, "=" .. name)
  if not chunk then
    error(errors.new { stage = "script", code = "invalid", message = why }, 0)
  end
  return chunk
end

--- Names that a chunk typed on the command line has without require.
local function with_names(chunk)
  local names = setmetatable({ bpf = require "bpf" }, { __index = _G, __newindex = _G })
  return setfenv(chunk, names)
end

local function load_script(settings)
  if settings.code then
    return with_names(compile_chunk(settings.code, "-e")), "-e"
  end
  if settings.script == "-" then
    return compile_chunk((io.read("*a"):gsub("^#[^\n]*", "")), "stdin"), "-"
  end
  local path = find_script(settings.script)
  local chunk, why = loadfile(path)
  if not chunk then
    error(errors.new { stage = "script", code = "invalid", message = why }, 0)
  end
  local folder = host.real_folder(path)
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
  return chunk, path
end

local function install_globals(exit)
  print = output.print -- luacheck: ignore 121
  os.exit = function(code) -- luacheck: ignore 122
    shut_down()
    exit(code)
  end
end

local function run_script(settings)
  local chunk, name = load_script(settings)
  settings.args[0] = name
  _G.arg = settings.args -- luacheck: ignore 122
  chunk(unpack(settings.args))
end

---@param settings table {code?, script?, args, duration?, json, csv, verbose}
---@return integer exit code
return function(settings)
  for name, value in pairs(settings) do loop.settings[name] = value end
  install_globals(os.exit)
  local ok, err = xpcall(run_script, errors.with_traceback, settings)
  local code = 0
  if not ok and err ~= output.CLOSED then code = report(err, settings.verbose) end
  shut_down()
  if loop.output_closed and code ~= USAGE_EXIT then return 0 end
  return code
end
