-- In the style of BCC's own scripts: static probes with their arguments. Takes the
-- program to probe.
assert(arg[1], "usage: static_probes PROGRAM")

local program = [[
#include <uapi/linux/ptrace.h>
struct values_t { u64 pid; int a; char b; u64 c; long d; char text[16]; };
BPF_PERF_OUTPUT(events);
BPF_HASH(places, u64);

int on_values(struct pt_regs *ctx) {
  struct values_t v = {};
  v.pid = bpf_get_current_pid_tgid() >> 32;
  bpf_usdt_readarg(1, ctx, &v.a);
  bpf_usdt_readarg(2, ctx, &v.b);
  bpf_usdt_readarg(3, ctx, &v.c);
  bpf_usdt_readarg(4, ctx, &v.d);
  events.perf_submit(ctx, &v, sizeof(v));
  return 0;
}

int on_text(struct pt_regs *ctx) {
  struct values_t v = {};
  bpf_usdt_readarg_p(1, ctx, &v.text, sizeof(v.text));
  bpf_usdt_readarg(2, ctx, &v.c);
  events.perf_submit(ctx, &v, sizeof(v));
  return 0;
}

int on_twice(struct pt_regs *ctx) {
  long round = 0;
  int which = 0, wrong = 0;
  bpf_usdt_readarg(1, ctx, &round);
  bpf_usdt_readarg(2, ctx, &which);
  // An argument of another size is refused.
  if (bpf_usdt_readarg(1, ctx, &wrong) != -1) which = 99;
  u64 key = (u64)which << 32 | round;
  places.increment(key);
  return 0;
}
]]

return function(BPF, utils)
  local ffi = require("ffi")
  local u = utils.USDT:new{path=arg[1]}
  u:enable_probe{probe="values", fn_name="on_values"}
  u:enable_probe{probe="text", fn_name="on_text"}
  u:enable_probe{probe="ebl_test:twice", fn_name="on_twice"}
  local b = BPF:new{text=program, usdt=u}
  local seen = 0
  b:get_table("events"):open_perf_buffer(function(_, e)
    seen = seen + 1
    local text = ffi.string(e.text)
    if text ~= "" then
      print("%s %d" % {text, tonumber(e.c)})
    else
      print("%d %d %s %d" % {e.a, e.b, tostring(e.c), tonumber(e.d)})
    end
  end, [[struct { uint64_t pid; int a; char b; uint64_t c; long d; char text[16]; }]])
  print("raised %d" % tonumber(os.spawn("%s 2", arg[1])))
  while seen < 4 do b:perf_buffer_poll(100) end
  local places = b:get_table("places")
  local keys = table.build(places:keys(), function(values) return tonumber(values[1]) end)
  table.sort(keys)
  for _, key in ipairs(keys) do
    print("place %d round %d: %d" % {math.floor(key / 2^32), key % 2^32,
      tonumber(places:get(key))})
  end
end
