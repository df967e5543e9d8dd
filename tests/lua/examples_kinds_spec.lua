--- Each kind of hook and each kind of map that the program knows is named in a file of
--- examples/.
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local folder = (debug.getinfo(1, "S").source:match "^@(.*/)" or "./") .. "../../examples/"
local files = support.sh(("cd %s && cat *.lua *.c"):format(support.quote(folder))).out

--- Kinds that no example can show, each with the reason.
local WITHOUT_EXAMPLE = {
  lirc_mode2 = "no kernel that the tests boot has infrared receivers",
}

--- What maps.h calls otherwise than the kernel.
local MACROS = {
  ringbuf = "RINGBUF", perf_event_array = "PERFBUF", stack_trace = "STACKS",
  prog_array = "PROGS", lpm_trie = "LPM",
}

--- What an error says that there is: "… are a, b, c".
local function known(spec, field)
  local obj = bpf.load { source = 'SEC("socket") int none(void *c) { return 0; }' }
  local _, err = pcall(obj.programs.none.attach, obj.programs.none, spec)
  obj:close()
  local words = {}
  local list = assert(err[field]:match " are (.*)$", tostring(err))
  for word in list:gmatch "[%w_.]+" do words[#words + 1] = word end
  return words
end

local function escaped(text) return (text:gsub("%p", "%%%0")) end

--- As SEC("word") or SEC("word/..."), or as "word" or "word:..." that is attached to.
local function shows_hook(word)
  return files:find(("[\"']%s[\"'/:]"):format(escaped(word)))
end

--- As a group's hook: "cgroup:PATH:word" or SEC("cgroup/word"); the ones for IPv4, IPv6
--- and the file system's sockets are one.
local function shows_group_hook(word)
  local base = word:gsub("[46]$", ""):gsub("_unix$", "")
  return files:find(("SEC%%(\"cgroup[%%w_]*/%s[46]?\"%%)"):format(base))
    or files:find((":%s\""):format(base)) or files:find(("= \"%s\""):format(base))
end

local function shows_map(kind)
  return files:find(("BPF_MAP_TYPE_%s%%f[^%%w_]"):format(kind:upper()))
    or files:find(("%%f[%%w_]%s%%("):format(MACROS[kind] or kind:upper()))
    or files:find(("type = \"%s\""):format(kind))
    or kind == "struct_ops" and files:find('SEC(".struct_ops")', 1, true)
end

--- The words that are not shown are those, and no others, that cannot be.
local function all_but_exceptions(words, shows)
  for _, word in ipairs(words) do
    local shown = shows(word)
    if WITHOUT_EXAMPLE[word] then
      expect.truthy(not shown, word .. " has an example: it is no exception any more")
    else
      expect.truthy(shown, word .. " is in no file of examples/")
    end
  end
end

describe("examples", function()
  it("name every kind of hook", function()
    local kinds = known("?:", "hint")
    expect.truthy(#kinds >= 37, #kinds)
    all_but_exceptions(kinds, shows_hook)
  end)

  it("name what a kind has several programs for", function()
    all_but_exceptions({ "raw_tracepoint.w", "kprobe.multi", "kretprobe.multi", "sk_skb",
                         "sk_msg" }, shows_hook)
  end)

  it("name every hook of control groups", function()
    local hooks = known("cgroup:/any:?", "message")
    expect.truthy(#hooks >= 28, #hooks)
    all_but_exceptions(hooks, shows_group_hook)
  end)

  it("name every kind of map", function()
    local types = bpf.features().map_types
    local kinds = {}
    for i, type_ in ipairs(types) do kinds[i] = type_.name end
    expect.truthy(#kinds >= 33, #kinds)
    all_but_exceptions(kinds, shows_map)
  end)

  it("would miss what is not there", function()
    expect.truthy(not shows_hook "kprobes", "a hook")
    expect.truthy(not shows_group_hook "bind_all", "a hook of groups")
    expect.truthy(not shows_map "lru", "a map")
  end)

  it("are short", function()
    local long = support.sh(("cd %s && awk 'FNR == 60 { print FILENAME }' *.lua")
                            :format(support.quote(folder))).out
    expect.equal(long, "")
  end)
end)
