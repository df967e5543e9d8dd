--- Static probes in programs that really pass them: arguments in every place, several
--- places, semaphores, processes.
local bpf = require "bpf"
local support = require "support"
local tool = require "tool"

local folder = support.program:match "^(.*/)"
local PROGRAMS = { "static_probes", "static_probes_fixed" }

local SOURCE = [[
struct values { u32 tgid; s32 count; s64 a, b; u64 c; s64 d; s64 cookie; };
struct text { u64 length; char text[16]; };
struct place { s64 round, which; };
struct shapes { s64 value[10]; s32 error[10]; };
RINGBUF(all_values, struct values, 65536);
RINGBUF(texts, struct text, 65536);
RINGBUF(places, struct place, 65536);
RINGBUF(forms, struct shapes, 65536);

SEC("usdt") int BPF_USDT(on_values, int a, s8 b, u64 c, s64 d) {
  struct values e = { bpf_get_current_pid_tgid() >> 32, bpf_usdt_arg_cnt(ctx), a, b, c, d,
                      bpf_usdt_cookie(ctx) };
  bpf_ringbuf_output(&all_values, &e, sizeof e, 0);
  return 0;
}
SEC("usdt") int BPF_USDT(on_text, const char *text, u64 length) {
  struct text e = { length };
  bpf_probe_read_user_str(e.text, sizeof e.text, text);
  bpf_ringbuf_output(&texts, &e, sizeof e, 0);
  return 0;
}
SEC("usdt") int BPF_USDT(on_twice, s64 round, int which) {
  struct place e = { round, which };
  bpf_ringbuf_output(&places, &e, sizeof e, 0);
  return 0;
}
SEC("usdt") int on_shapes(struct pt_regs *ctx) {
  struct shapes *e = bpf_ringbuf_reserve(&forms, sizeof *e, 0);
  if (!e) return 0;
  for (int i = 0; i < 10; i++) {
    long value;
    e->error[i] = bpf_usdt_arg(ctx, i, &value);
    e->value[i] = value;
  }
  bpf_ringbuf_submit(e, 0);
  return 0;
}
]]

--- Runs the probed program; how often it saw its semaphore raised.
local function pass(program, rounds)
  local result = support.sh(("%s%s %d"):format(folder, program, rounds))
  expect.equal({ result.code, result.err }, { 0, "" })
  return tonumber(result.out)
end

local function attach(object, name, program, options)
  local ok, link = pcall(function()
    local spec = ("usdt:%s%s:ebl_test:%s"):format(folder, program, name)
    return object.programs["on_" .. name]:attach(spec, options)
  end)
  if ok then return link end
  if link.code == "not_supported" and tostring(link):find("position independent", 1, true)
  then
    skip(tostring(link))
  end
  error(link, 0)
end

describe("static probes", function()
  for _, program in ipairs(PROGRAMS) do
    it("arguments of each kind: " .. program, function()
      local object = bpf.load { source = SOURCE }
      attach(object, "values", program, { cookie = 42 })
      attach(object, "text", program)
      attach(object, "shapes", program)
      expect.equal(pass(program, 2), 2)
      local values = object.maps.all_values:read()
      expect.equal(#values, 2)
      for round, e in ipairs(values) do
        expect.equal({ e.count, e.a, e.b, e.d, e.cookie },
                     { 4, round, -round, 1000 + round, 42 })
        expect.equal(e.c == 0x8000000000000000ULL, true)
      end
      local texts = object.maps.texts:read()
      expect.equal({ texts[1].text, texts[1].length }, { "round 1", 7 })
      expect.equal({ texts[2].text, texts[2].length }, { "round 2", 7 })
      local forms = object.maps.forms:read()
      expect.equal(#forms, 2)
      for round, e in ipairs(forms) do
        local wanted = { 40000000000 + round, 1000 + round, -120, 0x77, 0x7788,
                         0x55667788, -9, -77, 0, -300 - round }
        for i = 1, 10 do
          expect.equal({ i, e.value[i] }, { i, wanted[i] })
          local unreadable = i == 9 and jit.arch == "x64" -- in a vector register
          expect.equal({ i, e.error[i] }, { i, unreadable and -22 or 0 })
        end
      end
      object:close()
      -- Nobody looks any more. The kernel frees the probe in the background.
      tool.wait_for("the semaphore to sink", function() return pass(program, 1) == 0 end)
    end)

    it("two places of one probe: " .. program, function()
      local object = bpf.load { source = SOURCE }
      attach(object, "twice", program)
      pass(program, 1)
      local places = object.maps.places:read()
      expect.equal(#places, 2)
      expect.equal({ places[1].round, places[1].which }, { 1, 1 })
      expect.equal({ places[2].round, places[2].which }, { 101, 2 })
      object:close()
    end)
  end

  it("several processes at once, started before and after, with semaphores", function()
    local running = {}
    local out = os.tmpname()
    for i = 1, 2 do
      running[i] = io.popen(("%sstatic_probes 3 wait >>%s"):format(folder, out), "w")
    end
    local object = bpf.load { source = SOURCE }
    attach(object, "values", "static_probes")
    expect.equal(pass("static_probes", 1), 1)
    for i = 1, 2 do
      running[i]:write("\n\n\n")
      running[i]:close()
    end
    local by_process, processes = {}, 0
    for _, e in ipairs(object.maps.all_values:read()) do
      if not by_process[e.tgid] then processes = processes + 1 end
      by_process[e.tgid] = (by_process[e.tgid] or 0) + 1
    end
    expect.equal(processes, 3)
    local file = assert(io.open(out))
    expect.equal(file:read("*a"), "3\n3\n")
    file:close()
    os.remove(out)
    object:close()
  end)

  it("one process alone, by pid", function()
    local other = io.popen(folder .. "static_probes 1 wait >/dev/null", "w")
    local pid_file = os.tmpname()
    local mine = io.popen(("echo $$ >%s; exec %sstatic_probes 2 wait >/dev/null")
                          :format(pid_file, folder), "w")
    local pid = tool.wait_for("the process", function()
      local file = assert(io.open(pid_file))
      local number = file:read("*n")
      file:close()
      return number and bpf.comm(number) == "static_probes" and number
    end)
    os.remove(pid_file)
    local object = bpf.load { source = SOURCE }
    attach(object, "values", "static_probes", { pid = pid })
    other:write("\n")
    other:close()
    mine:write("\n\n")
    mine:close()
    local seen = object.maps.all_values:read()
    expect.equal(#seen, 2)
    expect.equal({ seen[1].tgid, seen[2].tgid }, { pid, pid })
    object:close()
  end)

  it("links come and go over the same object; entries are used again", function()
    local object = bpf.load { source = "#define BPF_USDT_MAX_SPEC_CNT 2\n"
      .. "#include <bpf/usdt.bpf.h>\n#include <ebl/maps.h>\n" .. SOURCE }
    for round = 1, 5 do
      local a = attach(object, "values", "static_probes", { cookie = round })
      local b = attach(object, "values", "static_probes", { cookie = 100 + round })
      pass("static_probes", 1)
      local cookies = {}
      for i, e in ipairs(object.maps.all_values:read()) do cookies[i] = e.cookie end
      table.sort(cookies)
      expect.equal(cookies, { round, 100 + round })
      a:close()
      b:close()
    end
    attach(object, "values", "static_probes")
    attach(object, "values", "static_probes")
    expect.error("more than 2 places with different arguments", function()
      attach(object, "values", "static_probes")
    end)
    object:close()
  end)

  it("a SEC() names its probe", function()
    local object = bpf.load { source = ([[
      u64 passes;
      SEC("usdt/%sstatic_probes:ebl_test:none") int BPF_USDT(f) { passes++; return 0; }
    ]]):format(folder) }
    object:attach()
    pass("static_probes", 3)
    expect.equal(object.variables.passes, 3)
    object:close()
  end)

  it("says what is wrong", function()
    local object = bpf.load { source = SOURCE }
    local function refused(text, spec, options)
      expect.error(text, function() object.programs.on_text:attach(spec, options) end)
    end
    refused("has no probe ebl_test:nothing",
            ("usdt:%sstatic_probes:ebl_test:nothing"):format(folder))
    refused("there is no file /nowhere", "usdt:/nowhere:a:b")
    refused("there is no process 67108863", "usdt:/bin/sh:a:b", { pid = 0x3ffffff })
    object:close()
  end)

  it("Python's own probes, from a library or the program", function()
    local python = support.sh("grep -l gc__done $(readlink -f /usr/bin/python3)").out
    python = python:match "%S+" or skip "/usr/bin/python3 has no static probes here"
    local object = bpf.load { source = [[
      struct gc { u64 collected; };
      RINGBUF(done, struct gc, 4096);
      SEC("usdt") int BPF_USDT(on_done, s64 collected) {
        struct gc e = { collected };
        bpf_ringbuf_output(&done, &e, sizeof e, 0);
        return 0;
      }]] }
    object.programs.on_done:attach(("usdt:%s:python:gc__done"):format(python))
    local result = support.sh [[/usr/bin/python3 -S -c '
import gc
gc.disable(); gc.collect()
for i in range(1234): a = []; a.append(a)
print(gc.collect())']]
    local collected = {}
    for _, e in ipairs(object.maps.done:read()) do collected[e.collected] = true end
    expect.truthy(tonumber(result.out) >= 1233, result.out)
    expect.truthy(collected[tonumber(result.out)], "the number of the last collection")
    object:close()
  end)
end)
