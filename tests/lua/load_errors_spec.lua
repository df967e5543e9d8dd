-- What the kernel and libbpf answer with a bare number: each says what it is about.
local bpf = require "bpf"

local HOOK = '\nSEC("tracepoint/syscalls/sys_enter_getppid") '
  .. "int p(void *ctx) { return 0; }"

--- Loads the first program of `source`, which must fail, and compares.
local function fails(source, code, message, hint, line)
  local ok, err = pcall(function()
    local object = bpf.load { source = source, name = "broken" }
    object.programs.p:load()
    object:close()
  end)
  expect.equal(ok, false)
  expect.equal(err.code, code)
  expect.truthy(err.message:find(message, 1, true), err.message)
  expect.truthy((err.hint or ""):find(hint, 1, true), "hint " .. tostring(err.hint))
  if line then expect.truthy(err.notes:find(line, 1, true), err.notes) end
end

local function map(attributes)
  return ('struct { %s } m SEC(".maps");'):format(attributes) .. HOOK
end

describe("a CO-RE relocation that this kernel cannot resolve", function()
  it("names type and member, the line, and the nearest member", function()
    fails([[
struct task_struct___v2 { int pidd; } __attribute__((preserve_access_index));
SEC("raw_tracepoint/sched_switch") int p(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct___v2 *task = (void *)ctx->args[1];
  return BPF_CORE_READ(task, pidd); }]], "not_supported",
          "program 'p': this kernel's struct task_struct has no member 'pidd'",
          "did you mean 'pid'", "task")
  end)

  it("names a type that there is not", function()
    fails([[
struct mm_strukt { int x; } __attribute__((preserve_access_index));
SEC("raw_tracepoint/sched_switch") int p(struct bpf_raw_tracepoint_args *ctx) {
  struct mm_strukt *mm = (void *)ctx->args[1];
  return BPF_CORE_READ(mm, x); }]], "not_supported",
          "this kernel has no struct mm_strukt", "mm_struct")
  end)
end)

describe("a symbol that the kernel lacks", function()
  it("is named with those like it: a kernel function", function()
    fails([[
extern int bpf_map_sum_elem_countt(const struct bpf_map *map) __ksym;
SEC("tp_btf/sched_switch") int p(u64 *ctx) {
  return bpf_map_sum_elem_countt((void *)ctx[1]); }]], "not_supported",
          "neither the kernel nor its modules have a function 'bpf_map_sum_elem_countt'",
          "")
  end)

  it("is named: a variable, an option, what is declared and never defined", function()
    fails([[extern const int nonesuch_symbol __ksym;
SEC("tp_btf/sched_switch") int p(u64 *ctx) { return nonesuch_symbol; }]],
          "not_supported", "no variable 'nonesuch_symbol'", "extern const void")
    fails([[extern int CONFIG_HZZ __kconfig;
SEC("tp_btf/sched_switch") int p(u64 *ctx) { return CONFIG_HZZ; }]], "not_supported",
          "the kernel's configuration has no CONFIG_HZZ", "__weak")
    fails([[int other(int x);
SEC("tp_btf/sched_switch") int p(u64 *ctx) { return other(1); }]], "invalid",
          "'other' is declared in 'broken' and defined nowhere", "define it")
  end)
end)

describe("a wrong map", function()
  it("is told its mistake", function()
    local cases = {
      { "__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); "
        .. "__type(value, u64);",
        "a ring buffer has no key and no value", "RINGBUF(" },
      { "__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 5); __type(key, u64); "
        .. "__type(value, u64);",
        "its key is an index, which is a u32 of 4 bytes, not of 8",
        "__type(key, u32)" },
      { "__uint(type, BPF_MAP_TYPE_HASH); __type(key, u64); __type(value, u64);",
        "it has no max_entries", "__uint(max_entries" },
      { "__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 5);", "it has no key type",
        "__type(key" },
      { "__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 5); __type(key, u32);",
        "it has no value type", "__type(value" },
      { "__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 5); __uint(map_flags, 1); "
        .. "__type(key, u32); __type(value, u64);",
        "the flag BPF_F_NO_PREALLOC is for hashes",
        "leave it out" },
      { "__uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 5); __type(key, u64); "
        .. "__type(value, u64);", "an LPM trie needs the flag BPF_F_NO_PREALLOC",
        "LPM(" },
      { "__uint(type, 99); __uint(max_entries, 5); __type(key, u64); __type(value, u64);",
        "this kernel has no maps of the kind", "newer than the kernel" },
      { "__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); "
        .. "__type(key, u32); __uint(value_size, 65536);",
        "a per-CPU value has at most 32768 bytes, and its value 65536", "split" },
      { "__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1000000); "
        .. "__type(key, u32); __uint(value_size, 16777216);", "it is too large",
        "fewer entries" },
      { "__uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 10); "
        .. "__uint(key_size, 4); __uint(value_size, 12);",
        "a stack has 1 to 127 addresses of 8 bytes",
        "STACKS(" },
    }
    for _, case in ipairs(cases) do
      fails(map(case[1]), "invalid", "cannot create map 'm': " .. case[2], case[3])
    end
  end)

  it("with an unknown attribute is told the nearest", function()
    fails(map "__uint(type, 1); __uint(max_entris, 5); __type(key, u32);", "invalid",
          "map 'm' has no attribute 'max_entris'", "did you mean 'max_entries'?")
  end)
end)

describe("a program", function()
  it("whose section is unknown is told the nearest", function()
    fails('SEC("tracepont/syscalls/sys_enter_execve") int p(void *ctx) { return 0; }',
          "invalid",
          'SEC("tracepont/syscalls/sys_enter_execve") names no kind of program',
          "did you mean 'tracepoint'?")
  end)

  it("that calls through a pointer is told so", function()
    fails([[
int one(int x) { return x + bpf_get_prandom_u32(); }
int two(int x) { return x * bpf_get_prandom_u32(); }
int (*table[2])(int) = { one, two };
SEC("xdp") int p(struct xdp_md *ctx) { return table[ctx->data & 1](3); }]], "verifier",
          "a function is called through a pointer", "by name", "table[ctx->data & 1](3)")
  end)
end)
