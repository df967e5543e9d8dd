-- --dump: each stage of bpf.load as text, for every object of a script.
local support = require "support"

local SCRIPT = [==[
local bpf = require "bpf"
local obj = bpf.load { name = "first", source = [[
struct dump_event { u32 pid; };
RINGBUF(events, struct dump_event, 4096);
SEC("raw_tracepoint/sched_switch")
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
  struct task_struct *next = (void *)ctx->args[2];
  struct dump_event e = { .pid = BPF_CORE_READ(next, mm, owner, pid) };
  bpf_ringbuf_output(&events, &e, sizeof(e), 0);
  return 0;
}
]] }
obj:attach()
bpf.load { name = "second", source = [[
SEC("raw_tracepoint/sys_enter")
int on_enter(void *ctx) { return bpf_get_prandom_u32() == 77; }
]] }
bpf.run(60)
]==]

local function dump(what, options)
  local result = support.run_script(SCRIPT, nil, ("--dump %s %s"):format(what,
                                                                        options or ""))
  expect.equal(result.err, "")
  expect.equal(result.code, 0)
  return result.out, result.path
end

local function contains(text, ...)
  for _, part in ipairs { ... } do
    expect.truthy(text:find(part, 1, true), ("'%s' in %s"):format(part, text))
  end
end

describe("--dump", function()
  it("source shows the C text with the script's lines", function()
    local text, path = dump "source"
    contains(text, ('#line 3 "%s"'):format(path), "struct dump_event { u32 pid; };",
             ('#line 16 "%s"'):format(path), "int on_enter(void *ctx)")
  end)

  it("ir shows the optimised module", function()
    contains(dump "ir", "define dso_local", "@on_switch(", "@on_enter(",
             "!llvm.preserve.access.index")
  end)

  it("asm shows the instructions under their C lines", function()
    local text, path = dump "asm"
    contains(text, "section raw_tracepoint/sched_switch\non_switch:\n",
             ("; %s:8: struct task_struct *next = (void *)ctx->args[2];\n"):format(path),
             "     0: r", "; events\n", "call 130", "exit\n", "on_enter:\n", "call 7\n")
  end)

  it("btf shows the types as C", function()
    contains(dump "btf", "struct dump_event {\n\tu32 pid;\n};")
  end)

  it("verifier shows the whole log of each program", function()
    contains(dump "verifier", "program on_switch:\n", "call bpf_ringbuf_output#130",
             "program on_enter:\n", "call bpf_get_prandom_u32#7", "processed ")
  end)

  it("relocs shows each field with its offset here and in the kernel", function()
    local text, path = dump "relocs"
    local own, kernel = text:match(
      "struct task_struct%.pid: offset (%d+) here, (%d+) in this kernel")
    expect.truthy(tonumber(own) > 0 and own == kernel, text)
    contains(text, "struct mm_struct.owner: offset ", "raw_tracepoint/sched_switch+",
             ("; %s:9: struct dump_event e = "):format(path))
  end)

  it("names a field that the kernel lacks", function()
    local result = support.run_script([==[require "bpf".load { source = [[
struct task_struct___x { int nonesuch; } __attribute__((preserve_access_index));
SEC("raw_tracepoint/sched_switch") int p(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct___x *t = (void *)ctx->args[1];
  return BPF_CORE_READ(t, nonesuch); }]] }]==], nil, "--dump relocs")
    contains(result.out, "struct task_struct.nonesuch: offset 0 here, not in this kernel")
  end)

  it("-o writes to a file", function()
    local path = os.tmpname()
    expect.equal(dump("asm", "-o " .. path), "")
    local file = assert(io.open(path))
    contains(file:read("*a"), "on_switch:\n", "on_enter:\n")
    file:close()
    os.remove(path)
  end)

  it("shows the verifier's log of a program that is refused", function()
    local result = support.run_script([==[require "bpf".load { source = [[
HASH(m, u32, u64, 1);
SEC("raw_tracepoint/sched_switch") int p(void *ctx) {
  u32 k = 0; return *(u64 *)bpf_map_lookup_elem(&m, &k); }]] }]==], nil,
      "--dump verifier")
    expect.equal(result.code, 1)
    contains(result.out, "program p:\n", "invalid mem access 'map_value_or_null'")
    contains(result.err, "may be NULL")
  end)

  it("refuses what it does not know", function()
    local result = support.run("--dump elf -e 'print(1)'")
    expect.equal(result.code, 2)
    contains(result.err, "'elf' is none of source, ir, asm, btf, verifier, relocs")
  end)
end)
