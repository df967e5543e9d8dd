-- luajit tests/reference_systems.lua check TREE   every row of docs/reference-systems.md
--                                                 names examples and tests that exist
-- luajit tests/reference_systems.lua --self-test  shows that it can fail
--
-- A row's last cell has paths and tests ("lua.SPEC TITLE", or a C++ test by its ctest
-- name), each in backquotes; or the word "missing".

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- The cells of a table's rows.
local function rows_of(text)
  local rows, number = {}, 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local document, system, shown = line:match("^| (%d%d%d) | (.-) | (.-) |$")
    if document then
      rows[#rows + 1] = { line = number, system = system, shown = shown }
    elseif line:match("^| %d") then
      rows[#rows + 1] = { line = number, system = line, shown = "" }
    end
  end
  return rows
end

--- Whether a spec has a test of that title: its last part is written out in it(), or is
--- the end of what is put together there.
local function has_title(spec, title)
  local last = title:match("([^:]+)$"):match("^%s*(.-)%s*$")
  return spec:find(last, 1, true) ~= nil
end

--- What is wrong with the page, and which systems have nothing yet. `get` reads a file.
local function check(text, get)
  local problems, missing = {}, {}
  local rows = rows_of(text)
  for _, row in ipairs(rows) do
    local function problem(what)
      problems[#problems + 1] = ("%d: %s: %s"):format(row.line, row.system, what)
    end
    local count = 0
    for name in row.shown:gmatch("`([^`]+)`") do
      count = count + 1
      local spec, title = name:match("^lua%.([%w_]+) (.+)$")
      if spec then
        local body = get("tests/lua/" .. spec .. "_spec.lua")
        if not body then
          problem("there is no tests/lua/" .. spec .. "_spec.lua")
        elseif not has_title(body, title) then
          problem("no test is called " .. name)
        end
      elseif not get(name) then
        problem("there is no " .. name)
      end
    end
    if row.shown == "missing" then
      missing[#missing + 1] = row.system
    elseif count == 0 then
      problem("names nothing")
    end
  end
  if #rows == 0 then problems[1] = "1: no rows" end
  return problems, missing, #rows
end

local function self_test()
  local files = { ["examples/a.lua"] = "", ["tests/lua/x_spec.lua"] = 'it("drops it"' }
  local function get(path) return files[path] end
  local function finds(cell, what)
    local text = table.concat(check("| 001 | one | " .. cell .. " |\n", get), "\n")
    assert(what == "" and text == "" or what ~= "" and text:find(what, 1, true), text)
  end
  finds("`examples/a.lua` `lua.x hook: drops it`", "")
  finds("`examples/b.lua`", "1: one: there is no examples/b.lua")
  finds("`lua.x hook: passes it`", "no test is called lua.x hook: passes it")
  finds("`lua.y drops it`", "there is no tests/lua/y_spec.lua")
  finds("an example", "names nothing")
  finds("missing", "")
  assert(#check("no table", get) == 1)
  assert(select(2, check("| 001 | one | missing |\n", get))[1] == "one")
  print "reference systems: self-test passed"
end

local command, tree = ...
if command == "--self-test" then
  self_test()
elseif command == "check" and tree then
  local text = assert(read(tree .. "/docs/reference-systems.md"))
  local problems, missing, count = check(text, function(path)
    return read(tree .. "/" .. path)
  end)
  for _, problem in ipairs(problems) do print("docs/reference-systems.md:" .. problem) end
  if #missing > 0 then
    print(("reference systems: %d MISSING: %s"):format(#missing,
                                                       table.concat(missing, "; ")))
  end
  print(("reference systems: %d rows, %d problems"):format(count, #problems))
  os.exit(#problems == 0 and 0 or 1)
else
  io.stderr:write("usage: reference_systems.lua check TREE | --self-test\n")
  os.exit(2)
end
