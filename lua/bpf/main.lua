-- The program's life: runs what the command line asked for, prints errors, detaches all.
local host = require "bpf.host"
local bcc = require "bcc"
local command = require "bpf.command"
local compiler = require "bpf.compiler"
local errors = require "bpf.errors"
local loop = require "bpf.loop"
local nearest = require "bpf.nearest"
local losses = require "bpf.losses"
local object = require "bpf.object"
local output = require "bpf.output"
local plan = require "bpf.plan"
local quick = require "bpf.quick"
local say = require "bpf.say"

local ENOENT = 2

--- A name like the one that a script calls and nobody has defined. Where quick probes are
--- typed, theirs are known too.
local function near_global(message)
  local wanted = message:match("attempt to %a+ global '([%w_]+)' %(a nil value%)")
  if not wanted then return nil end
  local names = nearest.keys(_G)
  if loop.settings.code or loop.settings.interactive then
    for name in pairs(quick) do names[#names + 1] = name end
    for _, name in ipairs { "bpf", "help", "running", "quit" } do
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local found = nearest.find(wanted, names)
  return found and ("did you mean '%s'?"):format(found)
end

--- Prints an uncaught error as the user should see it. `verbose` adds the whole texts.
local function report(err, verbose)
  if not errors.is(err) then
    local meta = type(err) == "table" and getmetatable(err)
    local shown = type(err) == "table" and not (meta and meta.__tostring) or err == nil
    say("ebpf-lua: " .. (shown and "the error value is a " .. type(err) or tostring(err)))
    return 1
  end
  if err.code == "compile" and err.detail then
    say((err.detail:gsub("%s+$", "")))
  else
    say("ebpf-lua: " .. tostring(err))
  end
  if err.notes then say((err.notes:gsub("%s+$", ""))) end
  local hint = err.hint or err.stage == "script" and near_global(tostring(err))
  if hint and hint ~= "" then say("  hint: " .. hint) end
  if err.code == "verifier" and not verbose then
    local _, lines = err.detail:gsub("[^\n]+", "")
    say(("  (the verifier's log has %d lines: -v shows them)"):format(lines))
  end
  local is_lua_error = err.stage == "script" and err.detail
  if err.detail and err.code ~= "compile" and (verbose or is_lua_error) then
    say((err.detail:gsub("%s+$", "")))
  end
  return err.exit_code
end

--- Detaches everything and writes what is buffered. Returns the exit code: `code`, or 1
--- where that was success and the output cannot be written.
local function shut_down(code)
  object.close_all()
  losses.summary()
  local unwritten = loop.flush()
  if not unwritten then return code end
  local failure = report(unwritten)
  return (code == nil or code == 0 or code == true) and failure or code
end

--- Whether `path` can be read as a file; if not, why, where there is something.
local function is_file(path)
  local file, why, number = io.open(path, "rb")
  if not file then return false, number ~= ENOENT and why or nil end
  local readable = file:read(0) ~= nil or file:seek("end") == 0
  file:close()
  return readable, not readable and path .. ": it is a folder" or nil
end

local function usage(message, hint)
  error(errors.new { stage = "usage", code = "not_found", message = message,
                     hint = hint }, 0)
end

--- The file of a SCRIPT or NAME.
local function find_script(name)
  local gallery = host.gallery()
  if name:find("/", 1, true) or name:match("%.lua$") then
    local found, why = is_file(name)
    if found then
      local warning = host.script_warning(name)
      if warning then say("ebpf-lua: warning: " .. warning) end
      return name
    end
    local of_gallery = gallery .. "/" .. name
    if not name:find("/", 1, true) and is_file(of_gallery) then return of_gallery end
    usage(why and "cannot read script " .. why or ("no script '%s'"):format(name))
  end
  local path = ("%s/%s.lua"):format(gallery, name)
  if is_file(path) then return path end
  local near = nearest.find(name, require("bpf.gallery").names())
  usage(("no tool '%s' in the gallery"):format(name),
        is_file(name) and ("to run the file: ebpf-lua ./%s"):format(name)
        or near and ("did you mean '%s'?"):format(near)
        or ("the gallery is %s; --tools lists it"):format(gallery))
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
  local names = { bpf = require "bpf" }
  for name, value in pairs(quick) do names[name] = value end
  setmetatable(names, { __index = _G, __newindex = _G })
  return setfenv(chunk, names)
end

--- As loadfile(), and the text.
local function load_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a" or ""
  file:close()
  local chunk, why = loadstring(text:gsub("^#[^\n]*", "", 1), "@" .. path)
  return chunk, why, text
end

local function load_script(settings)
  if settings.code then
    return with_names(compile_chunk(settings.code, "-e")), "-e"
  end
  if settings.script == "-" then
    return compile_chunk((io.read("*a"):gsub("^#[^\n]*", "")), "stdin"), "-"
  end
  local path = find_script(settings.script)
  local chunk, why, text = load_file(path)
  if not chunk then
    error(errors.new { stage = "script", code = "invalid", message = why }, 0)
  end
  local folder = host.real_folder(path)
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
  return chunk, path, bcc.is_script(text)
end

local function install_globals(exit)
  output.install()
  os.exit = function(code) -- luacheck: ignore 122
    local kind = type(code)
    if kind ~= "nil" and kind ~= "number" and kind ~= "boolean" then
      errors.misuse(("os.exit takes a number or a boolean, got a %s"):format(kind))
    end
    exit(shut_down(code), true)
  end
end

--- --cache clear|stats
local function manage_cache(what)
  local cache = errors.check(host.cache())
  if not cache then
    print("no object cache: this user has no home directory")
    return
  end
  if what == "clear" then
    print(("removed %d compiled objects"):format(errors.check(cache:clear())))
    return
  end
  local now = errors.check(cache:statistics())
  print(("%s: %d compiled objects, %.1f of at most %.0f MiB")
        :format(now.directory, now.entries, now.bytes / 2^20, now.limit / 2^20))
end

local function run_script(settings)
  if settings.output and not settings.dump then output.redirect(settings.output) end
  if settings.scope then command.scope(settings.scope) end
  if settings.command and not settings.dry_run then command.start(settings.command) end
  if settings.cache then return manage_cache(settings.cache) end
  if settings.tools then return require("bpf.gallery").list() end
  if settings.info then return require("bpf.info").run(settings.args[1] == "helpers") end
  if settings.list then
    return require("bpf.discovery.list").run(settings.args, settings.verbose)
  end
  if not settings.code and not settings.script then return end
  local chunk, name, is_bcc = load_script(settings)
  settings.args[0] = name
  _G.arg = settings.args -- luacheck: ignore 122
  if is_bcc then return bcc.run(chunk, name, settings.verbose) end
  return chunk(unpack(settings.args)) -- a tail call: in tracebacks it is the main chunk
end

--- What comes after the script: the prompt, or what -e has started, until Ctrl-C.
local function go_on(settings)
  if settings.interactive then return require("bpf.repl").run(report) end
  if not command.waits() and (not settings.code or #quick.running() == 0) then return end
  loop.run()
  quick.show_all()
end

---@param settings table {code?, script?, args, duration?, json, csv, verbose, dry_run,
---                       no_cache, cache?: "clear"|"stats"}
---@return integer exit code
return function(settings)
  for name, value in pairs(settings) do loop.settings[name] = value end
  compiler.use_cache = not settings.no_cache
  install_globals(os.exit)
  local ok, err = xpcall(run_script, errors.with_traceback, settings)
  if ok then ok, err = xpcall(go_on, errors.with_traceback, settings) end
  if settings.dry_run and (ok or err == loop.ENDED) then
    ok, err = xpcall(object.verify_rest, errors.with_traceback)
  end
  local code = 0
  local ended = err == loop.ENDED or errors.is(err) and err.code == "interrupted"
  if not ok and not ended then code = report(err, settings.verbose) end
  local of_command = command.finish()
  if code == 0 and of_command then code = of_command end
  return shut_down(code)
end
