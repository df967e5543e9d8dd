-- luajit tests/features.lua check TREE     every row of tests/features.list has its tests
-- luajit tests/features.lua table TREE DIR  docs/kernels.md on standard output, from the
--                                           *.results of the test machines in DIR
-- luajit tests/features.lua --self-test     shows that both can fail
--
-- tests/features.list: "## GROUP", a feature, and below it, indented, the tests that
-- prove it: STAGE.SUITE.CASE of a C++ test, or "lua.SPEC TITLE" with a title as the spec
-- prints it. Features below "## Without a test" have none yet.

local PENDING = "Without a test"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function matches(command)
  local pipe = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

--- The list as groups {name, rows {feature, line, tests}}; what is wrong with its form.
local function parse(text)
  local groups, problems, number = {}, {}, 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local group, rows = line:match("^## (.*)$"), groups[#groups] and groups[#groups].rows
    local comment = line:match("^%s*$") or line:match("^#")
    if group then
      groups[#groups + 1] = { name = group, rows = {} }
    elseif not comment and not rows then
      problems[#problems + 1] = number .. ": a feature before the first group"
    elseif not comment and line:match("^%s") then
      local row = rows[#rows]
      if row then
        row.tests[#row.tests + 1] = line:match("^%s*(.-)%s*$")
      else
        problems[#problems + 1] = number .. ": a test before the first feature"
      end
    elseif not comment then
      rows[#rows + 1] = { feature = line, line = number, tests = {} }
    end
  end
  return groups, problems
end

--- The titles that the first argument of it(...) can have, as a pattern: what is computed
--- may be anything.
local function title_pattern(argument)
  local out, at = {}, 1
  while true do
    local first, last, _, literal = argument:find("([\"'])(.-)%1", at)
    if not first then break end
    if argument:sub(at, first - 1):match("%S") then out[#out + 1] = ".-" end
    out[#out + 1] = literal:gsub("%p", "%%%0"):gsub("%%%%[ds]", ".-")
    at = last + 1
  end
  if argument:sub(at):match("%S") then out[#out + 1] = ".-" end
  return table.concat(out)
end

--- What the sources have: the names of C++ tests, and for each spec the patterns of its
--- titles.
local function sources(tree)
  local known = {}
  for _, path in ipairs(matches(("find %s/tests/cpp -name '*.cpp'"):format(tree))) do
    local stage = path:match("/tests/cpp/([^/]+)/")
    for suite, case in read(path):gmatch("%f[%w_]TEST_?[FP]?%(([%w_]+),%s*([%w_]+)%)") do
      known[("%s.%s.%s"):format(stage, suite, case)] = true
    end
  end
  for _, path in ipairs(matches(("ls %s/tests/lua/*_spec.lua"):format(tree))) do
    local titles = {}
    local spec = "lua." .. path:match("([%w_]+)_spec%.lua$")
    for argument in read(path):gmatch("%f[%w_]it%s*%((.-),%s*function") do
      titles[#titles + 1] = title_pattern(argument)
    end
    known[spec] = titles
  end
  return known
end

local function exists(known, test)
  local spec, title = test:match("^(lua%.[%w_]+) (.+)$")
  if not spec then return known[test] == true end
  for _, pattern in ipairs(known[spec] or {}) do
    if title:match("^.*: " .. pattern .. "$") then return true end
  end
  return false
end

--- What is wrong with the list, and how many features have no test yet.
local function check(text, known)
  local groups, problems = parse(text)
  local pending, seen = {}, {}
  for _, group in ipairs(groups) do
    for _, row in ipairs(group.rows) do
      local function problem(what)
        problems[#problems + 1] = ("%d: %s: %s"):format(row.line, row.feature, what)
      end
      if seen[row.feature] then problem "is there twice" end
      seen[row.feature] = true
      if group.name == PENDING then
        pending[#pending + 1] = row.feature
        if #row.tests > 0 then problem "has a test: move it to its group" end
      elseif #row.tests == 0 then
        problem "has no test"
      end
      for _, test in ipairs(row.tests) do
        if not exists(known, test) then problem("no test is called " .. test) end
      end
    end
  end
  return problems, pending
end

--- A machine's report (tests/vm/init): its kernel, whether it ended well, and for each
--- test {verdict, reason}.
local function results(text)
  local out = { tests = {}, complete = false }
  for line in text:gsub("\r", ""):gmatch("[^\n]+") do
    local release = line:match("^boot .* s, (%S+)$")
    local spec, verdict, title = line:match("^case (%S+) (%S+) +(.*)$")
    if release then
      out.release = release
    elseif spec then
      local name, reason = title, nil
      if verdict == "skip" then name, reason = title:match("^(.-) %((.-)%)?$") end
      out.tests[spec .. " " .. (name or title)] = { verdict, reason }
    elseif line:match("^end %d+ %d+ %d+$") then
      out.complete = true
    else
      local how, name, reason = line:match("^(%a+) (%S+) ?(.*)$")
      if how == "ok" or how == "skip" or how == "FAIL" then
        out.tests[name] = { how, reason:match("^%((.*)%)$") }
      end
    end
  end
  return out
end

--- A report without the place of the tree: its files are named from there.
local function within(root, text)
  return (text:gsub((root .. "/"):gsub("%p", "%%%0"), ""))
end

--- How a feature did on one machine: the word for its cell and what explains it.
local function verdict_of(row, machine)
  if not machine or not machine.complete then return "not tried" end
  local passed, reasons = 0, {}
  for _, test in ipairs(row.tests) do
    local result = machine.tests[test]
    if not result then return "not tried" end
    if result[1] == "FAIL" then return "FAILED", { test } end
    if result[1] == "ok" then passed = passed + 1 end
    if result[1] == "skip" then reasons[#reasons + 1] = result[2] or "" end
  end
  if #reasons == 0 then return "yes" end
  return passed > 0 and "in part" or "no", reasons
end

local function escaped(text)
  return (text:gsub("[|<>*_`]", "\\%0"))
end

--- docs/kernels.md. `machines` is a list of {name, results or nil}.
local function document(text, machines)
  local out, notes, numbers = {}, {}, {}
  local function put(...) out[#out + 1] = table.concat { ... } end
  local function note(reason)
    if not numbers[reason] then
      notes[#notes + 1] = reason
      numbers[reason] = #notes
    end
    return numbers[reason]
  end
  put "# What works on which kernel"
  put ""
  put("Written by `./dev vm-test all` from its last run: each feature of ",
      "`tests/features.list`, by the tests that prove it, on Debian's kernels in ",
      "virtual machines. The reason of a \"no\" is what the kernel answered in that ",
      "run.")
  put ""
  for _, machine in ipairs(machines) do
    put("- ", machine.name, ": ", machine.results and machine.results.complete
        and machine.results.release or "not tried: the kernel could not be fetched")
  end
  local pending
  for _, group in ipairs((parse(text))) do
    if group.name == PENDING then
      pending = group.rows
    else
      put ""
      put("## ", group.name)
      put ""
      local head, rule = { "| |" }, { "|---|" }
      for i, machine in ipairs(machines) do
        head[i + 1], rule[i + 1] = (" %s |"):format(machine.name), "---|"
      end
      put(table.concat(head))
      put(table.concat(rule))
      for _, row in ipairs(group.rows) do
        local cells = { "| ", escaped(row.feature), " |" }
        for _, machine in ipairs(machines) do
          local word, reasons = verdict_of(row, machine.results)
          local marks, seen = {}, {}
          for _, reason in ipairs(reasons or {}) do
            local number = note(reason)
            if not seen[number] then marks[#marks + 1] = number end
            seen[number] = true
          end
          cells[#cells + 1] = #marks > 0
            and (" %s (%s) |"):format(word, table.concat(marks, ", "))
            or (" %s |"):format(word)
        end
        put(table.concat(cells))
      end
    end
  end
  if pending and #pending > 0 then
    put ""
    put("## ", PENDING)
    put ""
    put "Not tried on any kernel:"
    put ""
    for _, row in ipairs(pending) do put("- ", escaped(row.feature)) end
  end
  if #notes > 0 then
    put ""
    put "## Notes"
    put ""
    for i, reason in ipairs(notes) do put(i, ". ", escaped(reason)) end
  end
  return table.concat(out, "\n") .. "\n"
end

local function self_test()
  assert(title_pattern [["drops (all)"]] == "drops %(all%)")
  assert(title_pattern [[hook .. ": drops at " .. port]] == ".-%: drops at .-")
  assert(title_pattern [[("bind%d: moves"):format(family)]] == ".-bind.-%: moves.-")
  local known = { ["attach.A.b"] = true, ["lua.x"] = { "works" } }
  local text = "## Hooks\none\n  attach.A.b\ntwo\n  lua.x hook: works\n"
  assert(#check(text, known) == 0)
  local function finds(list, what)
    local problems = table.concat(check(list, known), "\n")
    assert(problems:find(what, 1, true), problems)
  end
  finds("## Hooks\none\n", "2: one: has no test")
  finds("## Hooks\none\n  attach.A.c\n", "no test is called attach.A.c")
  finds("## Hooks\none\n  lua.x hook: fails\n", "no test is called lua.x hook: fails")
  finds("## Hooks\none\n  lua.x works\n", "no test is called lua.x works")
  finds(text .. "one\n  attach.A.b\n", "one: is there twice")
  finds("## " .. PENDING .. "\none\n  attach.A.b\n", "move it to its group")
  finds("one\n", "before the first group")
  local good = results("boot 3 s, 6.1.0\nok attach.A.b\ncase lua.x skip hook: works "
    .. "(cannot attach: EPERM (Operation not permitted))\r\nend 1 0 1\n")
  local cut = results("boot 3 s, 5.10\nok attach.A.b\n")
  local page = document(text, { { name = "5.10", results = cut },
                                { name = "6.1", results = good }, { name = "7.2" } })
  assert(page:find("| one | not tried | yes | not tried |", 1, true), page)
  assert(page:find("| two | not tried | no (1) | not tried |", 1, true), page)
  assert(page:find("1. cannot attach: EPERM (Operation not permitted)\n", 1, true), page)
  assert(within("/a-b/c", "at /a-b/c/tests/x.lua:3: no") == "at tests/x.lua:3: no")
  local failed = results("boot 3 s, 6.1.0\nFAIL attach.A.b (exit code 1)\nend 0 1 0\n")
  page = document(text, { { name = "6.1", results = failed } })
  assert(page:find("| one | FAILED (1) |", 1, true), page)
  print "features: self-test passed"
end

local command, tree, folder = ...
if command == "--self-test" then
  self_test()
elseif command == "check" and tree then
  local list = read(tree .. "/tests/features.list")
  local problems, pending = check(list, sources(tree))
  for _, problem in ipairs(problems) do print("tests/features.list:" .. problem) end
  if #pending > 0 then
    print(("features: %d WITHOUT A TEST: %s"):format(#pending,
                                                     table.concat(pending, "; ")))
  end
  os.exit(#problems == 0 and 0 or 1)
elseif command == "table" and folder then
  local machines = {}
  local versions = matches(("bash %s/tests/vm/kernel.sh --list"):format(tree))
  for _, version in ipairs(versions) do
    local ok, text = pcall(read, ("%s/%s.results"):format(folder, version))
    machines[#machines + 1] = {
      name = version, results = ok and results(within(tree, text)) or nil }
  end
  io.write(document(read(tree .. "/tests/features.list"), machines))
else
  io.stderr:write("usage: features.lua check TREE | table TREE DIR | --self-test\n")
  os.exit(2)
end
