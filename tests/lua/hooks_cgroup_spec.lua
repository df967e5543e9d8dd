--- The hooks of a control group, each with its effect on what a process in it does.
local bpf = require "bpf"
local cgroup = require "cgroup"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local describe, it, expect = harness.describe, harness.it, harness.expect

local EPERM, ECONNREFUSED = 1, 111

--- Calls fn(attach, variables, object) in a group and a network namespace of its own, for
--- one text of programs: attach(name, hook) -> link.
local function with(source, fn)
  net.in_namespace(nil, function()
    cgroup.inside(function(path)
      local obj = bpf.load { source = source }
      fn(function(name, hook)
        local spec = ("cgroup:%s:%s"):format(path, hook or name)
        return kernel.attach(obj.programs[name], spec)
      end, obj.variables, obj)
      obj:close()
    end)
  end)
end

local function udp_arrives(port, address)
  local server = net.datagrams(address or "127.0.0.1", port, 0.25)
  local client = net.socket(net.UDP, address and 6)
  local _, err = client:send("hello", address or "127.0.0.1", port)
  local got = server:receive()
  server:close()
  client:close()
  return got == "hello", err
end

describe("cgroup skb", function()
  local SOURCE = [[
    u64 seen;
    static __always_inline int verdict(struct __sk_buff *skb)
    {
      u16 port = 0;

      __sync_fetch_and_add(&seen, 1);
      bpf_skb_load_bytes(skb, 20 + 2, &port, 2);
      return port != htons(7001);
    }
    SEC("cgroup_skb/ingress") int ingress(struct __sk_buff *skb) { return verdict(skb); }
    SEC("cgroup_skb/egress") int egress(struct __sk_buff *skb) { return verdict(skb); }
  ]]
  for _, hook in ipairs { "ingress", "egress" } do
    it(hook .. ": drops one port, until the link is closed", function()
      with(SOURCE, function(attach, variables)
        local link = attach(hook)
        expect.equal((udp_arrives(7001)), false)
        expect.equal(variables.seen, 1)
        expect.truthy(udp_arrives(7002))
        expect.equal(variables.seen, 2)
        link:close()
        expect.truthy(udp_arrives(7001), "arrival after close")
        expect.equal(variables.seen, 2)
      end)
    end)
  end

  it("two programs on one hook: both must allow", function()
    with([[
      u64 runs1, runs2;
      SEC("cgroup_skb/egress") int first(struct __sk_buff *skb) { runs1++; return 1; }
      SEC("cgroup_skb/egress") int second(struct __sk_buff *skb) { runs2++; return 0; }
    ]], function(attach, variables)
      attach("first", "egress")
      local second = attach("second", "egress")
      expect.equal((udp_arrives(7001)), false)
      expect.equal({ variables.runs1, variables.runs2 }, { 1, 1 })
      second:close()
      expect.truthy(udp_arrives(7001))
      expect.equal({ variables.runs1, variables.runs2 }, { 2, 1 })
    end)
  end)
end)

describe("cgroup sock", function()
  it("sock_create: refuses one protocol; sock_release: sees the end", function()
    with([[
      u64 released;
      SEC("cgroup/sock_create") int sock_create(struct bpf_sock *sk)
      {
        return sk->type != 2;
      }
      SEC("cgroup/sock_release") int sock_release(struct bpf_sock *sk)
      {
        released++;
        return 1;
      }
    ]], function(attach, variables)
      local link = attach "sock_create"
      attach "sock_release"
      expect.equal({ net.socket(net.UDP) }, { nil, EPERM })
      local tcp = assert(net.socket(net.TCP))
      tcp:close()
      expect.equal(variables.released, 1)
      link:close()
      assert(net.socket(net.UDP)):close()
      expect.equal(variables.released, 2)
    end)
  end)

  for _, family in ipairs { 4, 6 } do
    it("post_bind" .. family .. ": refuses a port after it was bound", function()
      with(([[
        SEC("cgroup/post_bind%d") int post_bind(struct bpf_sock *sk)
        {
          return sk->src_port != 7001;
        }
      ]]):format(family), function(attach)
        local address = family == 6 and "::1" or "127.0.0.1"
        attach("post_bind", "post_bind" .. family)
        local socket = net.socket(net.TCP, family)
        expect.equal({ socket:bind(address, 7001) }, { nil, EPERM })
        socket:close()
        socket = net.socket(net.TCP, family) -- before 5.17 the other one keeps the port
        expect.truthy(socket:bind(address, 7002))
        socket:close()
      end)
    end)
  end
end)

-- What the programs of one family do: addresses are the loop-back address, ports change.
local SOCK_ADDR = [[
  SEC("cgroup/bindN") int bind(struct bpf_sock_addr *ctx)
  {
    if (ctx->user_port == htons(7001))
      ctx->user_port = htons(7101);
    return ctx->user_port != htons(7002);
  }
  SEC("cgroup/connectN") int connect(struct bpf_sock_addr *ctx)
  {
    if (ctx->user_port == htons(7001))
      ctx->user_port = htons(7101);
    return ctx->user_port != htons(7002);
  }
  SEC("cgroup/sendmsgN") int sendmsg(struct bpf_sock_addr *ctx)
  {
    if (ctx->user_port == htons(7001))
      ctx->user_port = htons(7101);
    return ctx->user_port != htons(7002);
  }
  SEC("cgroup/recvmsgN") int recvmsg(struct bpf_sock_addr *ctx)
  {
    ctx->user_port = htons(7777);
    return 1;
  }
  SEC("cgroup/getpeernameN") int getpeername(struct bpf_sock_addr *ctx)
  {
    ctx->user_port = htons(7778);
    return 1;
  }
  SEC("cgroup/getsocknameN") int getsockname(struct bpf_sock_addr *ctx)
  {
    ctx->user_port = htons(7779);
    return 1;
  }
]]

for _, family in ipairs { 4, 6 } do
  local address = family == 6 and "::1" or "127.0.0.1"
  local source = SOCK_ADDR:gsub("N\"", family .. '"')
  describe("cgroup sock_addr", function()
    it(("bind%d: moves a port, refuses another"):format(family), function()
      with(source, function(attach)
        attach("bind", "bind" .. family)
        local socket = net.socket(net.TCP, family)
        expect.truthy(socket:bind(address, 7001))
        expect.equal({ socket:name() }, { address, 7101 })
        socket:close()
        socket = net.socket(net.TCP, family)
        expect.equal({ socket:bind(address, 7002) }, { nil, EPERM })
        socket:close()
      end)
    end)

    it(("connect%d: rewrites the destination, refuses another"):format(family), function()
      with(source, function(attach)
        local listener = net.listener(address, 7101)
        expect.equal({ net.client(address, 7001) }, { nil, ECONNREFUSED })
        local link = attach("connect", "connect" .. family)
        local client = assert(net.client(address, 7001))
        local server = assert(listener:accept())
        client:send "rewritten"
        expect.equal(server:receive(), "rewritten")
        expect.equal({ client:peer() }, { address, 7101 })
        expect.equal({ net.client(address, 7002) }, { nil, EPERM })
        client:close()
        server:close()
        link:close()
        expect.equal({ net.client(address, 7001) }, { nil, ECONNREFUSED })
        listener:close()
      end)
    end)

    it(("sendmsg%d, recvmsg%d: rewrite both ends"):format(family, family), function()
      with(source, function(attach)
        local server = net.datagrams(address, 7101, 1)
        local client = net.socket(net.UDP, family)
        attach("sendmsg", "sendmsg" .. family)
        expect.truthy(client:send("to 7001", address, 7001))
        expect.equal((server:receive()), "to 7001")
        expect.equal({ client:send("refused", address, 7002) }, { nil, EPERM })
        attach("recvmsg", "recvmsg" .. family)
        expect.truthy(client:send("again", address, 7101))
        expect.equal({ server:receive() }, { "again", address, 7777 })
        client:close()
        server:close()
      end)
    end)

    it(("getpeername%d and getsockname%d: show other ports"):format(family, family),
       function()
      with(source, function(attach)
        local listener = net.listener(address, 7101)
        local client = assert(net.client(address, 7101))
        attach("getpeername", "getpeername" .. family)
        expect.equal({ client:peer() }, { address, 7778 })
        attach("getsockname", "getsockname" .. family)
        expect.equal({ client:name() }, { address, 7779 })
        client:close()
        listener:close()
      end)
    end)
  end)
end

describe("cgroup sockopt", function()
  local SO_PRIORITY = 12
  it("setsockopt and getsockopt: change a value on its way", function()
    with([[
      SEC("cgroup/setsockopt") int setsockopt(struct bpf_sockopt *ctx)
      {
        int *value = ctx->optval;

        if (ctx->level != SOL_SOCKET || ctx->optname != SO_PRIORITY)
          goto as_is;
        if ((void *)(value + 1) > ctx->optval_end)
          return 0;
        if (*value == 5)
          return 0;
        if (*value == 3)
          *value = 4;
        return 1;
      as_is:
        if (ctx->optlen > 4096)
          ctx->optlen = 0;
        return 1;
      }
      SEC("cgroup/getsockopt") int getsockopt(struct bpf_sockopt *ctx)
      {
        int *value = ctx->optval;

        if (ctx->level != SOL_SOCKET || ctx->optname != SO_PRIORITY)
          return 1;
        if ((void *)(value + 1) > ctx->optval_end)
          return 0;
        *value += 100;
        ctx->retval = 0;
        return 1;
      }
    ]], function(attach)
      local socket = assert(net.socket(net.UDP))
      local link = attach "setsockopt"
      expect.truthy(socket:set(net.SOL_SOCKET, SO_PRIORITY, 3))
      expect.equal(socket:get(net.SOL_SOCKET, SO_PRIORITY), 4)
      expect.equal({ socket:set(net.SOL_SOCKET, SO_PRIORITY, 5) }, { nil, EPERM })
      attach "getsockopt"
      expect.equal(socket:get(net.SOL_SOCKET, SO_PRIORITY), 104)
      link:close()
      expect.truthy(socket:set(net.SOL_SOCKET, SO_PRIORITY, 3))
      expect.equal(socket:get(net.SOL_SOCKET, SO_PRIORITY), 103)
      socket:close()
    end)
  end)
end)

describe("cgroup device", function()
  it("refuses one device to the group", function()
    with([[
      u64 refused;
      SEC("cgroup/dev") int device(struct bpf_cgroup_dev_ctx *ctx)
      {
        if (ctx->major != 1 || ctx->minor != 5)
          return 1;
        refused++;
        return 0;
      }
    ]], function(attach, variables)
      local link = attach "device"
      expect.truthy(not io.open("/dev/zero"), "/dev/zero")
      assert(io.open("/dev/null")):close()
      expect.equal(variables.refused, 1)
      link:close()
      assert(io.open("/dev/zero")):close()
    end)
  end)
end)

describe("cgroup sysctl", function()
  local PATH = "/proc/sys/net/ipv4/ip_default_ttl"
  local function read(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
  end
  local function write(path, text)
    local file = assert(io.open(path, "w"))
    local ok = file:write(text) and file:flush()
    return file:close() and ok
  end
  it("refuses one value, overwrites another, changes what is read", function()
    with([[
      u64 writes;
      SEC("cgroup/sysctl") int sysctl(struct bpf_sysctl *ctx)
      {
        char name[32] = {}, value[8] = {};

        if (bpf_sysctl_get_name(ctx, name, sizeof(name), BPF_F_SYSCTL_BASE_NAME) < 0)
          return 1;
        if (__builtin_memcmp(name, "ip_default_ttl", 15) || !ctx->write)
          return 1;
        writes++;
        bpf_sysctl_get_new_value(ctx, value, sizeof(value));
        if (value[0] == '7')
          return 0;
        if (value[0] == '5')
          bpf_sysctl_set_new_value(ctx, "42", 2);
        return 1;
      }
    ]], function(attach, variables)
      attach "sysctl"
      expect.truthy(write(PATH, "61"))
      expect.equal(read(PATH), "61\n")
      expect.truthy(not write(PATH, "70"), "70")
      expect.equal(read(PATH), "61\n")
      expect.truthy(write(PATH, "55"))
      expect.equal({ read(PATH), variables.writes }, { "42\n", 3 })
    end)
  end)
end)

describe("cgroup sock_ops", function()
  it("sees connections begin, and sets an option on them", function()
    with([[
      u64 active, passive;
      SEC("sockops") int sock_ops(struct bpf_sock_ops *ctx)
      {
        int priority = 6;

        if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) {
          active++;
          bpf_setsockopt(ctx, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority));
        } else if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
          passive++;
        }
        return 1;
      }
    ]], function(attach, variables)
      attach "sock_ops"
      local listener = net.listener("127.0.0.1", 7001)
      local client = assert(net.client("127.0.0.1", 7001))
      local server = assert(listener:accept())
      expect.equal({ variables.active, variables.passive }, { 1, 1 })
      expect.equal(client:get(net.SOL_SOCKET, 12), 6)
      client:close()
      server:close()
      listener:close()
    end)
  end)
end)

describe("cgroup unix", function()
  it("connect_unix: refuses connections to sockets of the file system", function()
    kernel.needs_section "cgroup/connect_unix"
    with([[
      u64 seen;
      SEC("cgroup/connect_unix") int connect_unix(struct bpf_sock_addr *ctx)
      {
        seen++;
        return 0;
      }
    ]], function(attach, variables)
      attach "connect_unix"
      local name = os.tmpname()
      os.remove(name)
      local server = assert(net.unix_listener(name))
      expect.equal({ net.unix_client(name) }, { nil, EPERM })
      expect.equal(variables.seen, 1)
      server:close()
      os.remove(name)
    end)
  end)
end)

describe("cgroup", function()
  it("says what is wrong with a path, and with a program for another hook", function()
    with([[
      SEC("cgroup/connect4") int connect(struct bpf_sock_addr *ctx) { return 1; }
    ]], function(_, _, obj)
      local connect = obj.programs.connect
      expect.error("cannot open /none: ENOENT", connect.attach, connect,
                   "cgroup:/none:connect4")
      expect.error("/proc is not a control group of version 2", connect.attach, connect,
                   "cgroup:/proc:connect4")
      local ok, err = pcall(connect.attach, connect, "cgroup:/proc:bind4")
      expect.equal({ ok, err.message, err.hint }, { false,
        'program connect is SEC("cgroup/connect4") and cannot be attached to '
        .. "cgroup:/proc:bind4", 'write SEC("cgroup/bind4") for it' })
    end)
  end)

  it("leaves nothing after a SIGKILL", function()
    cgroup.inside(function(path)
      local source = [[
        SEC("cgroup_skb/egress") int block(struct __sk_buff *skb) { return 0; }
      ]]
      net.in_namespace(nil, function()
        kernel.killed(([[
          local obj = bpf.load { source = %q }
          obj.programs.block:attach("cgroup:%s:egress")
          print "attached"
          io.stdout:flush()
          bpf.run()
        ]]):format(source, path), function()
          expect.equal((udp_arrives(7001)), false)
        end, function() return (udp_arrives(7001)) end)
      end)
    end)
  end)
end)
