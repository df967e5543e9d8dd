-- Clang's diagnostics: the script's line, and what to do about common mistakes.
local bpf = require "bpf"

local function compile(source)
  local ok, err = pcall(bpf.load, { source = source, load = false })
  expect.equal(ok, false)
  expect.equal(err.code, "compile")
  return err
end

--- The C text fails at `line` (counted in the text) and the hint contains `hint`.
local function fails(source, line, message, hint)
  local err = compile(source)
  expect.truthy(err.message:find(message, 1, true), err.message)
  expect.truthy((err.hint or ""):find(hint, 1, true), "hint " .. tostring(err.hint))
  local place = ("<source of %s:"):format(debug.getinfo(1, "S").short_src)
  expect.truthy(err.location.file:find(place, 1, true), err.location.file)
  expect.equal(err.location.line, line)
  expect.truthy(err.detail:find(("%5d | "):format(line), 1, true), err.detail)
end

local function xdp(body)
  return 'SEC("xdp")\nint p(struct xdp_md *ctx)\n{\n' .. body .. "\n}\n"
end

describe("a name that clang does not know", function()
  it("gets the nearest that there is", function()
    fails(xdp "struct ethdr *eth = (void *)(long)ctx->data;\nreturn eth->h_proto;", 5,
          "incomplete definition of type 'struct ethdr'", "did you mean 'ethhdr'?")
    fails(xdp "u23 x = 1; return x;", 4, "'u23'", "did you mean 'u32'?")
    fails(xdp "return bpf_ktime_get_nss();", 4, "'bpf_ktime_get_nss'",
          "did you mean 'bpf_ktime_get_ns'")
    fails(xdp "return ctx->data == ETH_P_IPP;", 4, "'ETH_P_IPP'", "'ETH_P_IP'")
  end)

  it("gets the members of a kernel struct", function()
    fails(xdp "struct udphdr *udp = (void *)(long)ctx->data;\nreturn udp->xyzzy;", 5,
          "no member named 'xyzzy' in 'struct udphdr'",
          "it has source, dest, len, check")
    -- The nearest is clang's own suggestion.
    fails(xdp "struct udphdr *udp = (void *)(long)ctx->data;\nreturn udp->desst;", 5,
          "did you mean 'dest'?", "")
  end)

  it("gets told that a kernel function cannot be called", function()
    fails(xdp "vfs_read(0, 0, 0, 0);\nreturn 0;", 4, "'vfs_read'", "kprobe:vfs_read")
  end)

  it("gets what BPF has instead of the C library", function()
    fails(xdp 'printf("x");\nreturn 0;', 4, "'printf'", "bpf_printk()")
    fails(xdp 'return strlen("abc");', 4, "'strlen'", "bpf_probe_read_kernel_str()")
    fails(xdp "return malloc(3) != 0;", 4, "'malloc'", "PERCPU_ARRAY")
  end)

  it("gets the #include that a text with #include lines lacks", function()
    fails('#include <linux/bpf.h>\nSEC("xdp")\nint p(void *ctx) { return 0; }', 2,
          "expected parameter declarator", "add #include <bpf/bpf_helpers.h>")
    fails('#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n'
          .. 'SEC("tp_btf/sched_switch")\n'
          .. "int p(u64 *ctx)\n{\nstruct task_struct *t = (void *)ctx[1];\n"
          .. "return BPF_CORE_READ(t, pid);\n}", 7, "'BPF_CORE_READ'",
          "add #include <bpf/bpf_core_read.h>")
  end)
end)

describe("an error inside of a macro", function()
  it("shows the user's line first, then the macro", function()
    local err = compile(xdp("struct task_struct *t = 0;\n"
                            .. "return BPF_CORE_READ(t, mm, nonesuch);"))
    expect.equal(err.location.line, 5)
    local user = err.detail:find("return BPF_CORE_READ(t, mm, nonesuch);", 1, true)
    local macro = err.detail:find("note: expanded from macro 'BPF_CORE_READ'", 1, true)
    expect.truthy(user and macro and user < macro, err.detail)
  end)
end)

describe("what the back end cannot do", function()
  it("is said on the C line", function()
    fails('SEC("tracepoint/syscalls/sys_enter_getppid")\nint p(void *ctx)\n{\n'
          .. "char small[16];\nchar buffer[600];\nbpf_get_current_comm(small, 16);\n"
          .. "bpf_probe_read_kernel(buffer, 600, ctx);\n"
          .. "return buffer[3] + small[1];\n}", 5,
          "'buffer' alone takes 600 in p()", "PERCPU_ARRAY(scratch")
    fails("static __noinline u64 f(u64 a, u64 b, u64 c, u64 d, u64 e, u64 g)\n"
          .. "{ return a + b * c + d * e * g + bpf_ktime_get_ns(); }\n"
          .. xdp("u64 r = bpf_get_prandom_u32();\n"
                 .. "return f(ctx->data, r, ctx->data_end, r * 3, r + 4, r + 5);"), 7,
          "more than five arguments", "pass a struct by pointer")
    fails("struct pair { u64 a, b, c; };\nstatic __noinline int f(struct pair p)\n"
          .. "{ return p.a + p.b * p.c + bpf_ktime_get_ns(); }\n"
          .. xdp "struct pair p = { ctx->data, 1, ctx->data_end };\nreturn f(p);", 8,
          "a struct is passed by value", "pass a pointer")
    fails("struct pair { u64 a, b, c; };\nstatic __noinline struct pair f(int x)\n"
          .. "{ struct pair p = { x, bpf_ktime_get_ns(), 3 }; return p; }\n"
          .. xdp "return f(ctx->data).b;", 2, "returns a struct", "through a pointer")
    fails(xdp "double d = ctx->data;\nreturn d * 1.5;", 4, "no floating point",
          "integers")
    fails(xdp "int d = ctx->data;\nreturn d / (int)ctx->data_end;", 5,
          "divides unsigned numbers only", "-mcpu=v4")
    fails(xdp "char b[ctx->data & 7];\nbpf_probe_read_kernel(b, 4, ctx);\nreturn b[0];",
          4, "only known at run time", "constant size")
    fails("struct big { char x[4096]; };\nARRAY(a, struct big, 2);\n"
          .. xdp("u32 k = 0, l = 1;\n"
                 .. "struct big *p = bpf_map_lookup_elem(&a, &k), "
                 .. "*q = bpf_map_lookup_elem(&a, &l);\n"
                 .. "if (p && q) __builtin_memcpy(p, q, 4096);\nreturn 0;"), 8,
          "memcpy() of more than 1024 bytes", "bpf_probe_read_kernel()")
    fails(xdp("__int128 x = (__int128)bpf_ktime_get_ns() * bpf_ktime_get_ns() * 3;\n"
          .. "return x / (bpf_ktime_get_ns() + 1);"), 4, "__int128", "u64")
  end)
end)
