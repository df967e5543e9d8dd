--- Struct_ops: a TCP congestion control in C that a socket chooses by name.
local bpf = require "bpf"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local IPPROTO_TCP, TCP_CONGESTION = 6, 13
local ENOENT = 2
local NAME = "ebl" .. support.pid -- congestion controls of all namespaces share names

-- Reno without its fine print: grows by a segment for each ACK, halves on a loss. By
-- member of the struct: what the function is called, and its C.
local FUNCTIONS = {
  init = { "begin", [[void BPF_PROG(begin, struct sock *sk)
    {
      __sync_fetch_and_add(&began, 1);
    }]] },
  release = { "end", [[void BPF_PROG(end, struct sock *sk)
    {
      __sync_fetch_and_add(&ended, 1);
    }]] },
  ssthresh = { "halve", [[u32 BPF_PROG(halve, struct sock *sk)
    {
      struct tcp_sock *tp = (struct tcp_sock *)sk;

      return tp->snd_cwnd > 4 ? tp->snd_cwnd / 2 : 2;
    }]] },
  cong_avoid = { "grow", [[void BPF_PROG(grow, struct sock *sk, u32 ack, u32 acked)
    {
      struct tcp_sock *tp = (struct tcp_sock *)sk;

      __sync_fetch_and_add(&acks, 1);
      if (tp->snd_cwnd < tp->snd_cwnd_clamp)
        tp->snd_cwnd += 1;
    }]] },
  undo_cwnd = { "undo", [[u32 BPF_PROG(undo, struct sock *sk)
    {
      return ((struct tcp_sock *)sk)->snd_cwnd;
    }]] },
}
local ALL = { "init", "release", "ssthresh", "cong_avoid", "undo_cwnd" }

--- C text with the struct `control` and those of FUNCTIONS that `members` names.
---@param members string[]?
---@param name string? of the congestion control; "" for none
---@param section string?
local function source(members, name, section)
  local functions, fields = {}, {}
  for i, member in ipairs(members or ALL) do
    local called, text = unpack(FUNCTIONS[member])
    functions[i] = ('SEC("struct_ops/%s")\n%s\n'):format(member, text)
    fields[i] = (".%s = (void *)%s,"):format(member, called)
  end
  fields[#fields + 1] = name ~= "" and (".name = %q"):format(name or NAME) or nil
  return ([[
    u64 began, ended, acks;
    %s
    SEC("%s") struct tcp_congestion_ops control = { %s };
  ]]):format(table.concat(functions, "\n"), section or ".struct_ops",
             table.concat(fields, " "))
end

--- An object whose programs this kernel has taken.
local function loaded(...)
  local obj = bpf.load { source = source(...) }
  local ok, err = pcall(kernel.try, obj.ensure_loaded, obj)
  if ok then return obj end
  obj:close()
  error(err, 0)
end

local function available()
  local file = assert(io.open "/proc/sys/net/ipv4/tcp_available_congestion_control")
  local names = " " .. file:read("*l") .. " "
  file:close()
  return names:find(" " .. NAME .. " ", 1, true) ~= nil
end

local function choose(socket)
  return socket:set(IPPROTO_TCP, TCP_CONGESTION, ffi.new("char[16]", NAME))
end

local function chosen(socket)
  local name, size = ffi.new("char[16]"), ffi.new("uint32_t[1]", 16)
  assert(ffi.C.getsockopt(socket.fd, IPPROTO_TCP, TCP_CONGESTION, name, size) == 0)
  return ffi.string(name)
end

describe("struct_ops", function()
  for _, section in ipairs { ".struct_ops", ".struct_ops.link" } do
    it("is a TCP congestion control that a socket uses: " .. section, function()
      local obj = loaded(nil, nil, section)
      obj:attach()
      expect.truthy(available())
      net.in_namespace(nil, function()
        local listener = net.listener("127.0.0.1", 7001)
        local client = net.socket(net.TCP)
        assert(choose(client))
        expect.equal(chosen(client), NAME)
        assert(client:connect("127.0.0.1", 7001))
        local server = assert(listener:accept())
        local sent, piece = 0, ("x"):rep(8000)
        for i = 1, 100 do
          assert(client:send(("%08d"):format(i) .. piece))
          local wanted = 8 + #piece
          local got = ""
          while #got < wanted do got = got .. assert(server:receive()) end
          expect.equal(got, ("%08d"):format(i) .. piece)
          sent = sent + wanted
        end
        expect.equal(sent, 100 * 8008)
        local v = obj.variables
        expect.equal(v.began, 1)
        expect.equal(v.ended, 0)
        expect.truthy(v.acks >= 10, "acks: " .. tostring(v.acks))
        client:close()
        server:close()
        listener:close()
        expect.truthy(support.eventually(function() return v.ended == 1 end))
        obj:close()
        local late = net.socket(net.TCP)
        local done, err = choose(late)
        expect.equal({ done or "refused", err }, { "refused", ENOENT })
        late:close()
      end)
      expect.equal(available(), false)
    end)
  end

  it("is attached by its map, and detached by its link", function()
    local obj = loaded()
    local map = obj.maps.control
    local info = map:info()
    expect.equal({ info.type, info.key_size, info.max_entries }, { "struct_ops", 4, 1 })
    local link = map:attach()
    expect.equal(link.spec, "struct_ops:control")
    expect.truthy(available())
    link:close()
    expect.equal(available(), false)
    obj:close()
    local other = loaded()
    local by_spec = other.programs.grow:attach "struct_ops:control"
    expect.truthy(available())
    by_spec:close()
    expect.equal(available(), false)
    other:close()
  end)

  it("says which member is missing, and whose name is taken", function()
    loaded():close()
    local whole = { "ssthresh", "cong_avoid", "undo_cwnd" }
    for _, case in ipairs {
      { source { "ssthresh", "undo_cwnd" },
        "the kernel refuses control: .cong_avoid or .cong_control is missing" },
      { source { "cong_avoid" },
        "the kernel refuses control: .ssthresh, .undo_cwnd are missing" },
      { source(whole, ""), "the kernel refuses control: .name is missing" },
      { source(whole, "with-dash"),
        "of others than letters, digits, '_' and '.'" },
      { source(whole, "cubic"),
        "the kernel refuses control: it has one of that name already" },
    } do
      local obj = bpf.load { source = case[1] }
      expect.error(case[2], obj.attach, obj)
      expect.equal(available(), false)
      obj:close()
    end
  end)

  it("names what a script gets wrong", function()
    local obj = loaded()
    local grow = obj.programs.grow
    expect.error("names no hook", grow.attach, grow)
    expect.error("there is no such struct_ops map", grow.attach, grow,
                 "struct_ops:contro")
    obj:close()
    local plain = bpf.load { source = [[
      HASH(counts, u32, u64, 8);
      SEC("tracepoint/sched/sched_switch") int f(void *ctx) { return 0; }
    ]] }
    local counts = plain.maps.counts
    expect.error("map 'counts' is a hash: it has no attach()", counts.attach, counts)
    plain:close()
    expect.error("does not refer to any field", bpf.load, { source = [[
      SEC("struct_ops/f") u32 BPF_PROG(f, struct sock *sk) { return 2; }
      SEC(".struct_ops") struct tcp_congestion_ops control = { .sthresh = (void *)f };
    ]] })
    expect.error("program 'f' cannot be .undo_cwnd of 'control'", bpf.load, { source = [[
      SEC("struct_ops/f") u32 BPF_PROG(f, struct sock *sk) { return 2; }
      SEC(".struct_ops") struct tcp_congestion_ops control = {
        .ssthresh = (void *)f, .undo_cwnd = (void *)f,
      };
    ]] })
    local alone = bpf.load { source = [[
      SEC("struct_ops/f") u32 BPF_PROG(f, struct sock *sk) { return 2; }
    ]] }
    expect.error("program 'f' is no member of a struct_ops map", alone.programs.f.load,
                 alone.programs.f)
    alone:close()
  end)

  it("is gone after a SIGKILL", function()
    loaded():close()
    kernel.killed(("local obj = bpf.load { source = [==[%s]==] }:attach() "
                   .. "print 'attached' io.flush() bpf.run()"):format(source()),
                  function() expect.truthy(available()) end,
                  function() return not available() end)
  end)
end)
