--- The object cache as a user meets it: hits, misses, hostile folders, --cache.
local support = require "support"
local program = require "program"

local contains, with_files = program.contains, program.with_files
local quote = support.quote

-- A compiler with this limit cannot start: what still works came from the cache.
local NO_COMPILER = "EBPF_LUA_COMPILE_LIMIT=none "

local SCRIPT = [[
  local obj = require("bpf").load { source = [=[
    #include "number.h"
    int value = NUMBER;
    int mine(void) { int unused; return 0; }
  ]=], cflags = { "-Wunused-variable", arg[1] } }
  print(obj.variables.value)
]]
local WARNING = "unused variable 'unused'"

--- A folder with the script and its header, and the folder of the cache in it.
local function with_script(fn)
  with_files({ ["a.lua"] = SCRIPT, ["number.h"] = "#define NUMBER 1\n" }, function(folder)
    local cache = folder .. "/cache"
    local function run(words, before)
      return support.sh(("EBPF_LUA_CACHE_DIR=%s %s %s %s"):format(
        cache, before or "", quote(support.program), words))
    end
    fn(folder .. "/a.lua", run, folder, cache)
  end)
end

local function printed(result, out)
  if result.out ~= out or result.code ~= 0 then
    error(("printed %q, code %d, wanted %q: %s"):format(result.out, result.code, out,
                                                        result.err), 2)
  end
  return result
end

local function is_miss(result)
  program.failed(result, 2, "the compile limit 'none'")
end

describe("the object cache", function()
  it("spares a second compile, and shows its warnings again", function()
    with_script(function(script, run)
      local first = printed(run(script), "1\n")
      contains(first.err, WARNING)
      local second = printed(run(script, NO_COMPILER), "1\n")
      expect.equal(second.err, first.err)
    end)
  end)

  it("misses when the text, a flag, a header or the kernel's types change", function()
    with_script(function(script, run, folder)
      printed(run(script), "1\n")
      is_miss(run(script .. " -DOTHER", NO_COMPILER))
      support.sh(("cp /sys/kernel/btf/vmlinux %s/other.btf"):format(folder))
      is_miss(run(("--btf %s/other.btf %s"):format(folder, script), NO_COMPILER))
      support.sh(("sed -i 's/mine(void)/other(void)/' %s"):format(script))
      is_miss(run(script, NO_COMPILER))
      support.sh(("sed -i 's/other(void)/mine(void)/' %s"):format(script))
      printed(run(script, NO_COMPILER), "1\n")
      support.sh(("echo '#define NUMBER 2' >%s/number.h"):format(folder))
      is_miss(run(script, NO_COMPILER))
      printed(run(script), "2\n")
      printed(run(script, NO_COMPILER), "2\n")
    end)
  end)

  it("is left alone by --no-cache", function()
    with_script(function(script, run, _, cache)
      printed(run("--no-cache " .. script), "1\n")
      expect.equal(support.sh("ls " .. cache).code, 2)
      printed(run(script), "1\n")
      is_miss(run("--no-cache " .. script, NO_COMPILER))
    end)
  end)

  it("never loads an entry that is not as it should be", function()
    for _, harm in ipairs { "chmod 660 $e", "truncate -s -1 $e", "chown 4242 $e",
                            "mv $e ../x; ln -s $PWD/../x $e",
                            "printf X | dd of=$e bs=1 seek=200 conv=notrunc" } do
      with_script(function(script, run, _, cache)
        printed(run(script), "1\n")
        local command = ("cd %s && e=$(ls) && %s"):format(cache, harm)
        expect.equal(support.sh(command).code, 0)
        is_miss(run(script, NO_COMPILER))
        local result = printed(run(script), "1\n")
        contains(result.err, "ebpf-lua: warning: the object cache is not used: ")
        contains(result.err, WARNING)
      end)
    end
  end)

  it("goes on without a folder that it cannot use, and says so once", function()
    with_script(function(script, run, folder, cache)
      support.sh(("mkdir -m 755 %s"):format(cache))
      local twice = ("-e 'for _ = 1, 2 do bpf.load { source = \"int x;\" } end'")
      local result = printed(run(twice), "")
      expect.equal(result.err, ("ebpf-lua: warning: the object cache is not used: %s is "
                                .. "open to others (it needs mode 0700)\n"):format(cache))
      support.sh(("rmdir %s; ln -s %s %s"):format(cache, folder, cache))
      contains(printed(run(script), "1\n").err,
               "the object cache is not used: cannot open")
      for _, place in ipairs { "relative", "/proc/ebpf-lua", "/dev/null" } do
        contains(printed(run(script, "EBPF_LUA_CACHE_DIR=" .. place), "1\n").err,
                 "the object cache is not used: ")
      end
    end)
  end)
end)

describe("--cache", function()
  it("tells what is there, and removes it", function()
    with_script(function(script, run, _, cache)
      printed(run("--cache stats"),
              cache .. ": 0 compiled objects, 0.0 of at most 64 MiB\n")
      printed(run(script), "1\n")
      contains(run("--cache stats").out, ": 1 compiled objects, ")
      printed(run("--cache clear"), "removed 1 compiled objects\n")
      is_miss(run(script, NO_COMPILER))
    end)
  end)

  it("refuses other words, and scripts beside it", function()
    program.fails("--cache", 2, "option --cache needs a value")
    program.fails("--cache size", 2, "size not in {clear,stats}")
    program.fails("--cache stats -e 1", 2, "--cache runs no script")
    program.fails("--cache clear execsnoop", 2, "--cache runs no script")
  end)

  it("fails where the cache cannot be used", function()
    local result = support.sh("EBPF_LUA_CACHE_DIR=here " .. quote(support.program)
                              .. " --cache stats")
    program.failed(result, 3, "'here' is not an absolute path")
  end)
end)
