--- program:test_run on the running kernel: every kind of input and output.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local describe, it, expect = harness.describe, harness.it, harness.expect

-- A minimal Ethernet frame of type 0x88b5 (local experiments), `payload` behind it.
local function frame(payload)
  return ("\1"):rep(6) .. ("\2"):rep(6) .. "\136\181" .. payload
end

local function load(source)
  return bpf.load { source = source }
end

describe("program:test_run", function()
  it("runs a socket filter on what is behind the Ethernet header", function()
    local obj = load [[
      SEC("socket") int filter(struct __sk_buff *skb) {
        u8 first;
        if (bpf_skb_load_bytes(skb, 0, &first, 1)) return 0;
        return (skb->len << 8) | first;
      }]]
    local ran = obj.programs.filter:test_run { data = frame("A" .. ("x"):rep(45)) }
    expect.equal(ran.retval, 46 * 256 + 65)
    expect.equal(ran.data:sub(15), "A" .. ("x"):rep(45))
    expect.equal(type(ran.duration_ns), "number")
    obj:close()
  end)

  it("gives back the packet and the context that a TC program changed", function()
    local obj = load [[
      SEC("tc") int change(struct __sk_buff *skb) {
        u8 byte = 0x5a;
        bpf_skb_store_bytes(skb, 14, &byte, 1, 0);
        skb->mark = skb->mark + 1;
        skb->cb[0] = 7;
        return TC_ACT_SHOT;
      }]]
    local context = ffi.new("uint32_t[48]") -- struct __sk_buff: mark is its third word
    context[2] = 41
    local ran = obj.programs.change:test_run { data = frame(("y"):rep(46)),
                                                   ctx = context }
    expect.equal(ran.retval, 2)
    expect.equal(ran.data, frame("Z" .. ("y"):rep(45)))
    local after = ffi.new("uint32_t[48]")
    ffi.copy(after, ran.ctx, math.min(#ran.ctx, 192))
    expect.equal(after[2], 42)
    expect.equal(after[12], 7)
    -- Without a context of its own, too.
    local bare = obj.programs.change:test_run { data = frame(("y"):rep(46)) }
    ffi.copy(after, bare.ctx, math.min(#bare.ctx, 192))
    expect.equal(after[2], 1)
    obj:close()
  end)

  it("runs an XDP program as often as asked, on a packet that it shortens", function()
    local obj = load [[
      u64 runs;
      SEC("xdp") int shorten(struct xdp_md *ctx) {
        runs++;
        if (runs == 1) bpf_xdp_adjust_tail(ctx, -4);
        return XDP_TX;
      }]]
    local packet = frame(("z"):rep(46))
    local ran = obj.programs.shorten:test_run { data = packet, times = 500 }
    expect.equal(ran.retval, 3)
    expect.equal(obj.variables.runs, 500)
    local one = load [[
      SEC("xdp") int shorten(struct xdp_md *ctx) {
        return bpf_xdp_adjust_tail(ctx, -4) ? XDP_ABORTED : XDP_PASS; }]]
    ran = one.programs.shorten:test_run { data = frame(("z"):rep(46)) }
    expect.equal(ran.retval, 2)
    expect.equal(ran.data, frame(("z"):rep(42)))
    expect.equal(ran.ctx, nil)
    obj:close()
    one:close()
  end)

  it("gives a raw tracepoint its arguments, missing ones as 0", function()
    local obj = load [[
      u64 seen[3]; u64 runs;
      SEC("raw_tp/task_rename") int on_rename(struct bpf_raw_tracepoint_args *ctx) {
        seen[0] = ctx->args[0]; seen[1] = ctx->args[1]; seen[2] = ctx->args[2];
        runs++;
        return 11;
      }]]
    local ran = obj.programs.on_rename:test_run {
      ctx = { 5, 0xfffffffffffffff0ULL }, times = 3 }
    expect.equal(ran.retval, 11)
    expect.equal(ran.duration_ns, nil)
    expect.equal(obj.variables.seen[1], 5)
    expect.equal(obj.variables.seen[2], 0xfffffffffffffff0ULL)
    expect.equal(obj.variables.seen[3], 0)
    expect.equal(obj.variables.runs, 3)
    obj.programs.on_rename:test_run { ctx = { -2 } }
    expect.equal(obj.variables.seen[1], 0xfffffffffffffffeULL)
    obj:close()
  end)

  it("runs a syscall program on its argument", function()
    local obj = load [[
      struct argument { u64 in; u64 out; };
      SEC("syscall")
      int square(struct argument *a) { a->out = a->in * a->in; return 1; }]]
    local square = obj.programs.square
    local ran = kernel.try(square.test_run, square, { ctx = { 12, 0 } })
    expect.equal(ran.retval, 1)
    local words = ffi.new("uint64_t[2]")
    ffi.copy(words, ran.ctx, 16)
    expect.equal(words[1], 144ULL)
    obj:close()
  end)

  it("says what is wrong with the input", function()
    local obj = load [[
      SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
      SEC("socket") int filter(struct __sk_buff *skb) { return 0; }
      SEC("perf_event") int sample(struct bpf_perf_event_data *ctx) { return 0; }]]
    local pass, data = obj.programs.pass, frame(("z"):rep(46))
    expect.error("got no data", function() pass:test_run() end)
    expect.error("EINVAL", function() obj.programs.filter:test_run { data = "short" } end)
    expect.error("no option 'packet'", function() pass:test_run { packet = data } end)
    expect.error("takes a string", function() pass:test_run { data = 1 } end)
    expect.error("must be an integer from 1 on", function()
      pass:test_run { data = data, times = 0 }
    end)
    expect.error("ctx[2] is a string", function()
      pass:test_run { data = data, ctx = { 1, "x" } }
    end)
    expect.error("cannot test-run program 'sample', of type perf_event", function()
      obj.programs.sample:test_run {}
    end)
    obj:close()
  end)

  it("has no packet for a syscall program", function()
    local obj = load [[SEC("syscall") int call(void *ctx) { return 0; }]]
    local call = obj.programs.call
    kernel.try(call.load, call)
    expect.error("gets no packet", call.test_run, call, { data = frame "z" })
    obj:close()
  end)
end)
