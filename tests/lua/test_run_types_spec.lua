--- program:test_run, one case for each type of program that the kernel runs on input.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local describe, it, expect = harness.describe, harness.it, harness.expect

-- A UDP datagram from 127.0.0.1:53 to 127.0.0.1:258 with eight bytes, with Ethernet.
local PACKET = ("\1"):rep(6) .. ("\2"):rep(6) .. "\8\0"
  .. "\69\0\0\36\0\0\0\0\64\17\0\0\127\0\0\1\127\0\0\1"
  .. "\0\53\1\2\0\16\0\0" .. ("u"):rep(8)

--- Loads the program `run` of a text, test-runs it, and gives the result and the object.
--- Without options, it is attached first: the kernel runs functions that it sits on.
local function run(source, options)
  local obj = bpf.load { source = source }
  local program = obj.programs.run
  local ok, result = pcall(function()
    if not options then kernel.attach(program) end
    return kernel.try(program.test_run, program, options or {})
  end)
  if not ok then
    obj:close()
    error(result, 0)
  end
  return result, obj
end

describe("test_run of each type", function()
  -- What the program sees of the packet: from the Ethernet header on, or from behind it.
  for section, first in pairs {
    classifier = 1, action = 1, socket = 69, ["cgroup_skb/ingress"] = 69,
    ["cgroup_skb/egress"] = 69, lwt_in = 69, lwt_out = 69, lwt_xmit = 69,
  } do
    it(section .. ": on a packet", function()
      local result, obj = run(([[
        u32 length; u8 first;
        SEC("%s") int run(struct __sk_buff *skb)
        {
          length = skb->len;
          bpf_skb_load_bytes(skb, 0, &first, 1);
          return 1;
        }]]):format(section), { data = PACKET, times = 3 })
      expect.equal({ result.retval, #result.data }, { 1, #PACKET })
      expect.equal(result.data:sub(15), PACKET:sub(15))
      expect.equal(obj.variables.first, first)
      expect.equal(obj.variables.length, first == 1 and #PACKET or #PACKET - 14)
      obj:close()
    end)
  end

  it("xdp: on a packet and a context", function()
    local context = ffi.new("uint32_t[6]", 0, #PACKET, 0, 1, 0, 0) -- from interface 1
    local result, obj = run([[
      SEC("xdp") int run(struct xdp_md *ctx)
      {
        return ctx->ingress_ifindex == 1 ? XDP_TX : XDP_DROP;
      }]], { data = PACKET, ctx = context })
    expect.equal({ result.retval, result.data }, { 3, PACKET })
    obj:close()
  end)

  it("flow_dissector: gives the keys of the flow", function()
    local result, obj = run([[
      SEC("flow_dissector") int run(struct __sk_buff *skb)
      {
        skb->flow_keys->ip_proto = 17;
        skb->flow_keys->sport = bpf_htons(53);
        return BPF_OK;
      }]], { data = PACKET })
    -- BPF_OK; older kernels say whether it was that.
    expect.truthy(result.retval == 0 or result.retval == 1, result.retval)
    expect.equal(#result.data, 56) -- struct bpf_flow_keys
    expect.equal({ result.data:byte(9 + 1), result.data:sub(13, 14) }, { 17, "\0\53" })
    obj:close()
  end)

  it("sk_lookup: on a context", function()
    local source = [[
      SEC("sk_lookup") int run(struct bpf_sk_lookup *ctx)
      {
        return ctx->local_port == 7 ? SK_DROP : SK_PASS;
      }]]
    local context = ffi.new("uint32_t[18]") -- struct bpf_sk_lookup
    context[2], context[3], context[15] = 2, 6, 7
    local result, obj = run(source, { ctx = context })
    expect.equal(result.retval, 0)
    obj:close()
    context[15] = 8
    result, obj = run(source, { ctx = context })
    expect.equal(result.retval, 1)
    obj:close()
  end)

  it("netfilter: on a packet", function()
    kernel.needs_section "netfilter"
    local result, obj = run([[
      u32 length;
      SEC("netfilter") int run(struct bpf_nf_ctx *ctx)
      {
        length = ctx->skb->len;
        return 1;
      }]], { data = PACKET })
    expect.equal(result.retval, 1)
    expect.truthy(obj.variables.length >= #PACKET - 14, obj.variables.length)
    obj:close()
  end)

  it("fentry, fexit: on the kernel's functions for it", function()
    local result, obj = run([[
      u64 a, b; s64 result;
      SEC("fexit/bpf_fentry_test2") int BPF_PROG(run, int x, u64 y, int returned)
      {
        a = x; b = y; result = returned;
        return 0;
      }]])
    expect.equal(result.retval, 0)
    expect.equal({ obj.variables.a, obj.variables.b, obj.variables.result }, { 2, 3, 5 })
    obj:close()
  end)

  it("fmod_ret: on the kernel's function for it", function()
    local ok, err, obj = pcall(run, [[
      u64 a;
      SEC("fmod_ret/bpf_modify_return_test") int BPF_PROG(run, int x, int *y, int ret)
      {
        a = x;
        return 42;
      }]])
    if not ok then
      local message = type(err) == "table" and err.message or ""
      if message:find "is not modifiable$" then harness.skip(message) end
      error(err, 0)
    end
    expect.equal(obj.variables.a, 1)
    obj:close()
  end)

  it("struct_ops: the kernel's struct for it, on its state", function()
    local known, err = pcall(bpf.btf.type, "bpf_dummy_ops")
    if not known then harness.skip(tostring(err)) end
    local state = ffi.new("int[1]", 31)
    local address = ffi.cast("uintptr_t", state)
    local result, obj = run([[
      u64 seen;
      SEC("struct_ops/run") int BPF_PROG(run, struct bpf_dummy_ops_state *state, int a,
                                         unsigned short b, char c, unsigned long d)
      {
        seen = state->val + a + b + c + d;
        state->val = 77;
        return 5;
      }
      SEC(".struct_ops") struct bpf_dummy_ops ops = { .test_2 = (void *)run };
    ]], { ctx = ffi.new("uint64_t[5]", address, 1, 2, 3, 4) })
    expect.equal({ result.retval, obj.variables.seen, state[0] }, { 5, 41, 77 })
    obj:close()
  end)

  it("tp_btf: says what runs instead", function()
    local obj = bpf.load { source = [[
      SEC("tp_btf/sched_switch") int run(void *ctx) { return 0; }]] }
    local ok, err = pcall(obj.programs.run.test_run, obj.programs.run)
    expect.equal(ok, false)
    if err.code ~= "not_permitted" then
      expect.truthy(err.hint:find("SEC(\"raw_tracepoint\")", 1, true), err.hint)
    end
    obj:close()
  end)

  it("what it cannot run is named: kprobe, sk_msg", function()
    for section, name in pairs { kprobe = "kprobe", sk_msg = "sk_msg" } do
      local obj = bpf.load { source = ([[
        SEC("%s") int run(void *ctx) { return 1; }]]):format(section) }
      expect.error("cannot test-run program 'run', of type " .. name, function()
        obj.programs.run:test_run {}
      end)
      obj:close()
    end
  end)
end)
