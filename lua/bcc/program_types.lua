-- Program and attach types by BCC's and the kernel's names.
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"

local M = {}

-- The SEC() name that gives a program that type.
M.sections = {
  SOCKET_FILTER = "socket", KPROBE = "kprobe", SCHED_CLS = "classifier",
  SCHED_ACT = "action", TRACEPOINT = "tracepoint", XDP = "xdp",
  PERF_EVENT = "perf_event", CGROUP_SKB = "cgroup/skb", CGROUP_SOCK = "cgroup/sock",
  LWT_IN = "lwt_in", LWT_OUT = "lwt_out", LWT_XMIT = "lwt_xmit", SOCK_OPS = "sockops",
  SK_SKB = "sk_skb", CGROUP_DEVICE = "cgroup/dev", SK_MSG = "sk_msg",
  RAW_TRACEPOINT = "raw_tracepoint", CGROUP_SOCK_ADDR = "cgroup/connect4",
  CGROUP_SOCKOPT = "cgroup/getsockopt", CGROUP_SYSCTL = "cgroup/sysctl",
  FLOW_DISSECTOR = "flow_dissector", LIRC_MODE2 = "lirc_mode2", SK_LOOKUP = "sk_lookup",
}

-- Numbers of the kernel's enum bpf_prog_type, for scripts that give those.
local NUMBERS = {
  "SOCKET_FILTER", "KPROBE", "SCHED_CLS", "SCHED_ACT", "TRACEPOINT", "XDP",
  "PERF_EVENT", "CGROUP_SKB", "CGROUP_SOCK", "LWT_IN", "LWT_OUT", "LWT_XMIT", "SOCK_OPS",
  "SK_SKB", "CGROUP_DEVICE", "SK_MSG", "RAW_TRACEPOINT", "CGROUP_SOCK_ADDR",
  [20] = "LIRC_MODE2", [22] = "FLOW_DISSECTOR", [23] = "CGROUP_SYSCTL",
  [25] = "CGROUP_SOCKOPT",
  [26] = "TRACING", [29] = "LSM", [30] = "SK_LOOKUP",
}

-- Constants as Python's BPF.XDP: what load_func takes.
M.constants = { TRACING = "TRACING", LSM = "LSM" }
for name in pairs(M.sections) do M.constants[name] = name end

--- The SEC() name for a type; nil for those that their function's name tells (TRACING,
--- LSM).
---@param kind string|integer "BPF_PROG_TYPE_XDP", "XDP", 6
---@param attach_type integer? of BPFAttachType
---@return string?
function M.section(kind, attach_type)
  local name = NUMBERS[kind] or tostring(kind):gsub("^BPF_PROG_TYPE_", "")
  if name == "TRACING" or name == "LSM" then return nil end
  local hook = attach_type and M.attach_types[attach_type]
  if hook and hook.section then return hook.section end
  return M.sections[name]
    or errors.misuse(("unknown type of program '%s'"):format(tostring(kind)),
                     nearest.hint(tostring(name), nearest.keys(M.constants), "types"))
end

-- enum bpf_attach_type: the hook's word in probe specs of control groups, or `map` for
-- those that sit on a map of sockets.
M.attach_types = {
  [0] = { name = "CGROUP_INET_INGRESS", cgroup = "ingress",
          section = "cgroup_skb/ingress" },
  { name = "CGROUP_INET_EGRESS", cgroup = "egress", section = "cgroup_skb/egress" },
  { name = "CGROUP_INET_SOCK_CREATE", cgroup = "sock_create" },
  { name = "CGROUP_SOCK_OPS", cgroup = "sock_ops", section = "sockops" },
  { name = "SK_SKB_STREAM_PARSER", map = "stream_parser",
    section = "sk_skb/stream_parser" },
  { name = "SK_SKB_STREAM_VERDICT", map = "stream_verdict",
    section = "sk_skb/stream_verdict" },
  { name = "CGROUP_DEVICE", cgroup = "device", section = "cgroup/dev" },
  { name = "SK_MSG_VERDICT", map = "sk_msg", section = "sk_msg" },
  { name = "CGROUP_INET4_BIND", cgroup = "bind4" },
  { name = "CGROUP_INET6_BIND", cgroup = "bind6" },
  { name = "CGROUP_INET4_CONNECT", cgroup = "connect4" },
  { name = "CGROUP_INET6_CONNECT", cgroup = "connect6" },
  { name = "CGROUP_INET4_POST_BIND", cgroup = "post_bind4" },
  { name = "CGROUP_INET6_POST_BIND", cgroup = "post_bind6" },
  { name = "CGROUP_UDP4_SENDMSG", cgroup = "sendmsg4" },
  { name = "CGROUP_UDP6_SENDMSG", cgroup = "sendmsg6" },
  [18] = { name = "CGROUP_SYSCTL", cgroup = "sysctl" },
  [19] = { name = "CGROUP_UDP4_RECVMSG", cgroup = "recvmsg4" },
  [20] = { name = "CGROUP_UDP6_RECVMSG", cgroup = "recvmsg6" },
  [21] = { name = "CGROUP_GETSOCKOPT", cgroup = "getsockopt" },
  [22] = { name = "CGROUP_SETSOCKOPT", cgroup = "setsockopt" },
  [38] = { name = "SK_SKB_VERDICT", map = "verdict", section = "sk_skb/verdict" },
}

M.BPFAttachType = {}
for number, hook in pairs(M.attach_types) do
  M.BPFAttachType[hook.name] = number
  if hook.cgroup and not hook.section then hook.section = "cgroup/" .. hook.cgroup end
end

return M
