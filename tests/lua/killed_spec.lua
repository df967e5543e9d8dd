--- What a SIGKILL leaves behind, hook by hook: no program, no link, no queueing
--- discipline, no route.
local bpf = require "bpf"
local cgroup = require "cgroup"
local harness = require "harness"
local kernel = require "kernel"
local kernel_state = require "kernel_state"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local NAME = "ebl_killed" -- of the program, in every test
local PACKET = ("SEC(%%q) int %s(struct __sk_buff *skb) { return %%d; }"):format(NAME)
local ANY = ("SEC(%%q) int %s(void *ctx) { return %%d; }"):format(NAME)
local SOCKMAP = [[
  struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
  } sockets SEC(".maps");
]]
local probed = support.program:match "^(.*/)" .. "static_probes"

-- What a test attaches: C text, and the arguments of attach() as Lua text. $GROUP is a
-- control group, $SOCKET a UDP socket that shares its port; v0 and v1 are a veth pair.
local HOOKS = {
  { "tracepoint", ANY:format("tracepoint", 0), '"tracepoint:sched:sched_switch"' },
  { "raw_tracepoint", ANY:format("raw_tracepoint", 0), '"raw_tracepoint:sched_switch"' },
  { "tp_btf", ANY:format("tp_btf/sched_switch", 0), '"tp_btf:sched_switch"' },
  { "uprobe", ANY:format("uprobe", 0), '"uprobe:libc:getppid"' },
  { "uretprobe", ANY:format("uretprobe", 0), '"uretprobe:libc:getppid"' },
  { "uprobe.session", ANY:format("uprobe.session", 0), '"uprobe.session:libc:getppid"' },
  { "raw_tracepoint.w", ANY:format("raw_tracepoint.w", 0),
    '"raw_tracepoint:sched_switch"' },
  { "freplace", [[
      int __weak decide(struct __sk_buff *skb) { return skb->len > 0; }
      SEC("socket") int whole(struct __sk_buff *skb) { return decide(skb); }
      SEC("freplace/decide") int ebl_killed(struct __sk_buff *skb) { return 0; }
    ]], 'nil, { target = obj.programs.whole }' },
  { "usdt", ANY:format("usdt", 0), ('"usdt:%s:ebl_test:values"'):format(probed) },
  { "perf", ANY:format("perf_event", 0), '"perf:cpu-clock:99hz"' },
  { "interval", ANY:format("perf_event", 0), '"interval:100ms"' },
  { "xdp: generic", ANY:format("xdp", 2), '"xdp:v0:generic"' },
  { "xdp: native", ANY:format("xdp", 2), '"xdp:v0:native"' },
  { "tcx", PACKET:format("tcx/ingress", -1), '"tcx:v0:ingress"' },
  { "tc", PACKET:format("tc", -1), '"tc:v0:ingress"' },
  { "netfilter", ANY:format("netfilter", 1), '"netfilter:ipv4:local_in:0"' },
  { "sk_lookup", ANY:format("sk_lookup", 1), '"sk_lookup"' },
  { "flow_dissector", PACKET:format("flow_dissector", 0), '"flow_dissector"' },
  { "socket_filter", PACKET:format("socket", 0), '"socket_filter:lo"' },
  { "sk_reuseport", ANY:format("sk_reuseport", 1),
    '"sk_reuseport", { socket = socket() }' },
  { "sk_msg", SOCKMAP .. ANY:format("sk_msg", 1), '"sockmap:sockets:sk_msg"' },
  { "sockmap verdict", SOCKMAP .. PACKET:format("sk_skb/verdict", 1),
    '"sockmap:sockets:verdict"' },
  { "sockmap stream_verdict", SOCKMAP .. PACKET:format("sk_skb/stream_verdict", 1),
    '"sockmap:sockets:stream_verdict"' },
  { "lwt out", PACKET:format("lwt_out", 0), '"lwt:10.9.0.0/16:out", { device = "v0" }' },
  { "lwt xmit", PACKET:format("lwt_xmit", 0),
    '"lwt:10.9.0.0/16:xmit", { device = "v0" }' },
  { "lwt in", PACKET:format("lwt_in", 0), '"lwt:10.9.0.0/16:in", { device = "v0" }' },
  { "seg6local", PACKET:format("lwt_seg6local", 0),
    '"seg6local:fc00::99/128", { device = "v0" }' },
}
for hook, section in pairs {
  ingress = "cgroup_skb/ingress", egress = "cgroup_skb/egress",
  sock_create = "cgroup/sock_create", sock_release = "cgroup/sock_release",
  post_bind4 = "cgroup/post_bind4", post_bind6 = "cgroup/post_bind6",
  bind4 = "cgroup/bind4", bind6 = "cgroup/bind6", connect4 = "cgroup/connect4",
  connect6 = "cgroup/connect6", sendmsg4 = "cgroup/sendmsg4",
  sendmsg6 = "cgroup/sendmsg6", recvmsg4 = "cgroup/recvmsg4",
  recvmsg6 = "cgroup/recvmsg6", getpeername4 = "cgroup/getpeername4",
  getsockname4 = "cgroup/getsockname4", connect_unix = "cgroup/connect_unix",
  getsockopt = "cgroup/getsockopt", setsockopt = "cgroup/setsockopt",
  device = "cgroup/dev", sysctl = "cgroup/sysctl", sock_ops = "sockops",
} do
  HOOKS[#HOOKS + 1] = { "cgroup " .. hook, ANY:format(section, 1),
                        ('"cgroup:$GROUP:%s"'):format(hook) }
end
table.sort(HOOKS, function(a, b) return a[1] < b[1] end)

-- A socket that shares its port, for sk_reuseport; by ebpf-lua's own FFI.
local CHUNK = [[
  local ffi = require "ffi"
  ffi.cdef "int socket(int, int, int); int bind(int, const void *, unsigned);"
  ffi.cdef "int setsockopt(int, int, int, const void *, unsigned);"
  local function socket()
    local fd = ffi.C.socket(2, 2, 0)
    assert(ffi.C.setsockopt(fd, 1, 15, ffi.new("int[1]", 1), 4) == 0)
    assert(ffi.C.bind(fd, "\2\0\27\88\127\0\0\1\0\0\0\0\0\0\0\0", 16) == 0)
    return fd
  end
  local obj = bpf.load { file = %q }
  obj.programs.ebl_killed:attach(%s)
  print "attached"
  io.stdout:flush()
  bpf.run()
]]

--- What stands in the namespace apart from programs: queueing disciplines, routes, and
--- what XDP says of its interfaces.
local function standing()
  local text = support.sh("tc qdisc show; ip route; ip -6 route show table all; "
                          .. "echo links; ip -d link show v0").out
  local routes, link = text:match("^(.*)links\n(.*)$")
  return routes:gsub("[^\n]*fe80[^\n]*\n?", "") .. (link:match("xdp.*") or "")
end

--- Calls `fn` with a file that has the C text: the process that is killed compiles
--- nothing, but finds the object in the cache.
local function in_file(source, fn)
  local name = os.tmpname()
  local path = name .. ".c"
  local file = assert(io.open(path, "w"))
  file:write(source)
  file:close()
  local ok, err = xpcall(fn, function(e)
    return type(e) == "table" and e or debug.traceback(tostring(e), 2)
  end, path)
  os.remove(path)
  os.remove(name)
  if not ok then error(err, 0) end
end

--- Tries in this process, so that what the kernel lacks is a skip with its own words.
local function try(file, arguments)
  local obj = bpf.load { file = file }
  local sockets = {}
  local function socket()
    sockets[1] = net.socket(net.UDP)
    sockets[1]:share_port()
    assert(sockets[1]:bind("127.0.0.1", 7001))
    return sockets[1].fd
  end
  local spec, options = setfenv(loadstring("return " .. arguments),
                                { socket = socket, obj = obj })()
  local ok, err = pcall(kernel.attach, obj.programs[NAME], spec, options)
  obj:close()
  for _, one in ipairs(sockets) do one:close() end
  if not ok then error(err, 0) end
end

describe("SIGKILL", function()
  for _, hook in ipairs(HOOKS) do
    local name, source, arguments = unpack(hook)
    it("leaves nothing of " .. name, function()
      local function run(file, group)
        local text = arguments:gsub("%$GROUP", group or "")
        try(file, text)
        expect.truthy(support.eventually(function()
          return kernel_state.programs(NAME) == 0
        end), "programs gone after close()")
        local before = standing()
        kernel.killed(CHUNK:format(file, text), function()
          expect.truthy(kernel_state.programs(NAME) > 0, "the program while it runs")
        end, function()
          return kernel_state.programs(NAME) == 0 and kernel_state.links(NAME) == 0
                 and standing() == before
        end)
      end
      net.in_namespace([[
        ip -batch - <<END
        link add v0 type veth peer name v1
        link set v0 addrgenmode none up
        link set v1 addrgenmode none up
        addr add 10.20.0.1/24 dev v0
        addr add fd00::1/64 dev v0 nodad
END
      ]], function()
        in_file(source, function(file)
          if not arguments:find("$GROUP", 1, true) then return run(file) end
          cgroup.inside(function(group) run(file, group) end)
        end)
      end)
    end)
  end
end)
