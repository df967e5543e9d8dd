-- luajit tests/include_check.lua TREE         checks TREE/runtime, prints each breach
-- luajit tests/include_check.lua --self-test  shows that it can fail
--
-- The dependency rule of ARCHITECTURE.md: which folder of runtime/ may include which, and
-- which folders may see a library. CMake's links say the same; this says why.

local FOLDERS = { -- folder -> the folders that it may include beside itself
  base = {},
  cache = { "base" },
  btf = { "base" },
  compile = { "base", "btf" },
  load = { "base", "btf" },
  symbols = { "base", "btf" },
  events = { "base" },
  terminal = { "base" },
  attach = { "base", "btf", "load", "symbols" },
  host = { "base", "btf", "cache", "compile", "load", "symbols", "events",
           "attach", "terminal" },
  main = { "base", "host" }, -- the files of runtime/ itself
}

local LIBRARIES = { -- what an include looks like -> the folders for it
  { name = "libbpf", patterns = { "^bpf/" }, folders = { "load", "attach", "events" } },
  {
    name = "Lua",
    patterns = { "^lua%.hp*$", "^lauxlib%.h$", "^lualib%.h$", "^luajit%.h$", "^luajit[^/]*/" },
    folders = { "host" },
  },
  {
    name = "LLVM",
    patterns = { "^llvm/", "^llvm%-c/", "^clang/", "^clang%-c/", "^lld/" },
    folders = { "compile/clang" },
  },
  { name = "libmnl", patterns = { "^libmnl/" }, folders = { "attach" } },
  { name = "xxHash", patterns = { "^xxhash%.h$" }, folders = { "cache" } },
  { name = "libedit", patterns = { "^editline/", "^histedit%.h$" }, folders = { "terminal" } },
  {
    name = "elfutils",
    patterns = { "^libelf%.h$", "^gelf%.h$", "^libdw%.h$", "^dwarf%.h$", "^elfutils/" },
    folders = { "symbols" },
  },
}

local function contains(list, item)
  for _, other in ipairs(list) do
    if other == item then return true end
  end
  return false
end

--- The includes of a C++ text as {line, name}. Comments and raw strings hold none: the C
--- that compile/ feeds to clang is full of #include lines.
local function includes(text)
  local blank = function(part) return (part:gsub("[^\n]", "")) end
  local out, at = {}, 1
  while true do
    local first, last, mark = text:find('R"([^(\n]*)%(', at)
    if not first then break end
    local _, stop = text:find(")" .. mark .. '"', last, true)
    out[#out + 1] = text:sub(at, first - 1)
    out[#out + 1] = blank(text:sub(first, stop or #text))
    at = (stop or #text) + 1
  end
  out[#out + 1] = text:sub(at)

  local found, number, in_comment = {}, 0, false
  for line in (table.concat(out) .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local name = not in_comment and line:match('^%s*#%s*include%s*[<"]([^>"]+)[>"]')
    if name then
      found[#found + 1] = { line = number, name = name }
    else
      line = line:gsub("\\.", ""):gsub('"[^"]*"', "")
      while true do
        if in_comment then
          local _, stop = line:find("*/", 1, true)
          if not stop then break end
          line, in_comment = line:sub(stop + 1), false
        else
          local start = line:find("/*", 1, true)
          local rest = line:find("//", 1, true)
          if not start or (rest and rest < start) then break end
          line, in_comment = line:sub(start + 2), true
        end
      end
    end
  end
  return found
end

--- Why a file may not include NAME, or nil. PATH counts from runtime/, and SIBLING tells
--- whether NAME lies beside the file.
local function breach(path, name, sibling)
  local folder = path:match("^([^/]+)/") or "main"
  local directory = path:match("^(.*)/[^/]*$") or "main"
  local allowed = FOLDERS[folder]
  if not allowed then return "runtime/" .. folder .. " has no rule in tests/include_check.lua" end

  if name:find("../", 1, true) or sibling then
    return "write it from runtime/, as \"" .. directory .. "/" .. name:match("[^/]+$") .. '"'
  end
  local target = name:match("^([^/]+)/")
  if target and FOLDERS[target] and target ~= folder then
    if not contains(allowed, target) then
      return ("%s may include only %s"):format(folder,
        #allowed > 0 and table.concat(allowed, ", ") or "itself")
    end
    if name:find("^compile/clang/") then
      return "compile/clang is inside compiler.so; others go through compile/compiler.h"
    end
  end
  for _, library in ipairs(LIBRARIES) do
    for _, pattern in ipairs(library.patterns) do
      if name:find(pattern) then
        for _, home in ipairs(library.folders) do
          if (directory .. "/"):sub(1, #home + 1) == home .. "/" then return nil end
        end
        return ("%s headers belong to %s alone"):format(library.name,
          table.concat(library.folders, "/, ") .. "/")
      end
    end
  end
  return nil
end

local function quoted(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

--- Checks a tree; returns the breaches as lines, and how many files it read.
local function check(tree)
  local list = io.popen("cd " .. quoted(tree) .. " && find runtime -type f"
    .. " \\( -name '*.h' -o -name '*.hpp' -o -name '*.inc' -o -name '*.cpp' -o -name '*.c' \\) | sort")
  local paths, known, lines = {}, {}, {}
  for path in list:lines() do
    path = path:match("^runtime/(.*)$")
    paths[#paths + 1] = path
    known[path] = true
  end
  list:close()
  for _, path in ipairs(paths) do
    local file = assert(io.open(tree .. "/runtime/" .. path))
    for _, include in ipairs(includes(file:read("*a"))) do
      local beside = (path:match("^(.*/)") or "") .. include.name
      local sibling = not known[include.name] and known[beside] and path:find("/", 1, true)
      local why = breach(path, include.name, sibling)
      if why then
        lines[#lines + 1] = ("runtime/%s:%d: includes %s: %s"):format(path, include.line,
          include.name, why)
      end
    end
    file:close()
  end
  return lines, #paths
end

-- {file, its text, a part of the breach or false}
local CASES = {
  { "base/ok.h", "#include <string>\n#include \"base/error.h\"", false },
  { "base/up.h", '#include "btf/btf.h"', "base may include only itself" },
  { "btf/load.cpp", '#include "load/object.h"', "btf may include only base" },
  { "load/load.cpp", '#include <bpf/libbpf.h>\n#include "btf/btf.h"', false },
  { "load/up.cpp", '#include "attach/link.h"', "load may include only base, btf" },
  { "attach/ok.cpp", '#include "symbols/elf.h"\n#include <bpf/bpf.h>\n#include "load/x.h"', false },
  { "attach/events.cpp", '#include "events/loop.h"', "attach may include only" },
  { "events/btf.cpp", '#include "btf/btf.h"', "events may include only base" },
  { "symbols/ok.cpp", "#include <elfutils/libdwfl.h>\n#include <gelf.h>", false },
  { "symbols/load.cpp", "#include \"load/object.h\"", "symbols may include only" },
  { "compile/ok.cpp", '#include "compile/clang/interface.h"\n#include "btf/btf.h"', false },
  { "compile/clang/ok.cpp", "#include <llvm/IR/Module.h>\n#include <clang/AST/Decl.h>", false },
  { "compile/llvm.cpp", "  #  include <clang/AST/Decl.h>", "LLVM headers belong to compile/clang/" },
  { "compile/clangish/x.cpp", "#include <llvm/x.h>", "LLVM headers" },
  { "compile/text.cpp", 'auto a = R"c(\n#include <bpf/x.h>\n)c";\n/*\n#include <bpf/y.h>\n*/\n'
    .. '// #include <bpf/z.h>\nauto b = "/*";\n', false },
  { "compile/late.cpp", 'auto b = "/*";\n#include <bpf/x.h>', "compile/late.cpp:2: includes bpf/x.h" },
  { "cache/ok.cpp", "#include <xxhash.h>\n#include \"base/error.h\"", false },
  { "cache/compile.cpp", '#include "compile/compiler.h"', "cache may include only base" },
  { "host/hash.cpp", "#include <xxhash.h>", "xxHash headers belong to cache/" },
  { "host/ok.cpp", "#include <lua.hpp>\n#include <lauxlib.h>\n#include \"compile/compiler.h\"\n"
    .. '#include "attach/link.h"', false },
  { "host/clang.cpp", '#include "compile/clang/server.h"', "inside compiler.so" },
  { "host/bpf.cpp", "#include <bpf/bpf.h>", "libbpf headers belong to load/, attach/, events/" },
  { "host/elf.cpp", "#include <libelf.h>", "elfutils headers belong to symbols/" },
  { "events/lua.cpp", "#include <luajit-2.1/lua.hpp>", "Lua headers belong to host/" },
  { "load/lua.cpp", "#include <lua.h>", "Lua headers belong to host/" },
  { "load/beside.cpp", '#include "load.h"', 'write it from runtime/, as "load/load.h"' },
  { "load/load.h", "", false },
  { "load/dots.cpp", '#include "../btf/btf.h"', "write it from runtime/" },
  { "load/angle.cpp", "#include <events/loop.h>", "load may include only" },
  { "newcomer/x.cpp", "#include <string>", "no rule" },
  { "main.cpp", '#include "host/state.h"\n#include "base/error.h"', false },
  { "other.cpp", '#include "load/object.h"', "main may include only base, host" },
}

local function self_test()
  local tree = os.tmpname()
  os.remove(tree)
  for _, case in ipairs(CASES) do
    local path = tree .. "/runtime/" .. case[1]
    assert(os.execute("mkdir -p " .. quoted(path:match("^(.*)/"))) == 0)
    local file = assert(io.open(path, "w"))
    file:write(case[2], "\n")
    file:close()
  end
  local lines = check(tree)
  os.execute("rm -rf " .. quoted(tree))

  local wrong = 0
  for _, case in ipairs(CASES) do
    local found = {}
    for _, line in ipairs(lines) do
      if line:find("runtime/" .. case[1] .. ":", 1, true) then found[#found + 1] = line end
    end
    local right
    if case[3] then
      right = #found == 1 and found[1]:find(case[3], 1, true)
    else
      right = #found == 0
    end
    if not right then
      wrong = wrong + 1
      print(("%s: expected %s, got %s"):format(case[1], case[3] or "nothing",
        #found > 0 and table.concat(found, "; ") or "nothing"))
    end
  end
  print(("self-test: %d cases, %d wrong"):format(#CASES, wrong))
  return wrong == 0
end

if not arg[1] or arg[2] then
  io.stderr:write("usage: luajit include_check.lua TREE | --self-test\n")
  os.exit(2)
end
if arg[1] == "--self-test" then os.exit(self_test() and 0 or 1) end
local lines, count = check(arg[1])
for _, line in ipairs(lines) do print(line) end
if count == 0 then
  print(arg[1] .. "/runtime holds no C++ file: nothing was checked")
  os.exit(1)
end
print(("include check: %d files, %d breaches"):format(count, #lines))
os.exit(#lines == 0 and 0 or 1)
