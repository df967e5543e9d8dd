#!/usr/bin/env ebpf-lua
-- netmon: packets in and out of network interfaces, with the process where it is known.
--
--   netmon --iface eth0              one interface of this network namespace
--   netmon --proto tcp --port 443    what a port sees
--   netmon --drops                   packets that the kernel drops: reason and kernel stack
--
-- LEN is the length of the IP packet. A packet that is sent belongs to the process that runs
-- when it leaves, unless an interrupt sends it; one that is received to the process that last sent
-- from its port. Filters are compared in the kernel; with --interactive they can be changed
-- while it runs by typing "port 53", "src 10.0.0.0/8", "proto udp", "iface lo", "clear".
local bpf = require "bpf"
local cli = require "bpf.cli"
local filter = require "netmon.filter"

local args = cli.parse {
  name = "netmon",
  summary = "Show packets in and out of network interfaces.",
  options = {
    { "-i --iface", "only this interface of this network namespace", argument = "NAME",
      convert = filter.interface },
    { "--src", "only from this address or prefix", argument = "ADDRESS",
      convert = filter.address },
    { "--dst", "only to this address or prefix", argument = "ADDRESS",
      convert = filter.address },
    { "--proto", "only tcp, udp, icmp, icmp6 or a number", argument = "PROTOCOL",
      convert = filter.protocol },
    { "--port", "only from or to this port", argument = "PORT", convert = filter.port },
    { "--drops", "also packets that the kernel drops, with reason and stack" },
    { "--interactive", "read new filters from standard input" },
    { "-T --time", "time of day" },
  },
  examples = {
    { "netmon", "all interfaces" },
    { "netmon --iface eth0 --proto tcp", "TCP on one interface" },
    { "netmon --src 10.0.0.0/8 --port 53", "DNS with one network" },
    { "netmon --drops --proto udp", "UDP, and why it is dropped" },
  },
}

local obj = bpf.load {
  source = [[
    #define STACK_DEPTH 32
    enum direction { RX, TX, DROP };

    struct address {
      u32 word[4];   /* IPv6, or an IPv4 address as ::ffff:a.b.c.d */
    };

    struct config {
      struct address src, src_mask, dst, dst_mask;   /* a mask of zeros: any */
      u32 ifindex, netns;                            /* 0: any */
      u32 protocol, port;                            /* protocol 256, port 0: any */
    };

    struct event {
      u64 ts;
      struct address src, dst;
      u32 pid, len, ifindex, reason;
      u16 sport, dport;
      u8 direction, protocol, is_ipv4, stack_size;
      char comm[TASK_COMM_LEN];
      char iface[IFNAMSIZ];
      u64 stack[STACK_DEPTH];   /* sent with drops only */
    };

    struct port_key {
      u32 netns;
      u16 port;
      u8 protocol, zero;
    };

    struct process {
      u32 pid;
      char comm[TASK_COMM_LEN];
    };

    RINGBUF(events, struct event, 4 * 1024 * 1024);
    ARRAY(config, struct config, 1);
    PERCPU_ARRAY(scratch, struct event, 1);
    LRU_HASH(owners, struct port_key, struct process, 16384);

    /* The count of nested interrupts: its own variable, but a field of pcpu_hot in 6.2-6.14. */
    extern const int __preempt_count __ksym __weak;
    struct pcpu_hot___with_count {
      int preempt_count;
    } __attribute__((preserve_access_index));
    extern const struct pcpu_hot___with_count pcpu_hot __ksym __weak;

    #define SERVING_INTERRUPT 0x00ff0100   /* NMI, hard interrupt, soft interrupt being served */

    static bool in_task(void)
    {
      if (bpf_ksym_exists(&__preempt_count))
        return !(*(int *)bpf_this_cpu_ptr(&__preempt_count) & SERVING_INTERRUPT);
      if (bpf_ksym_exists(&pcpu_hot)) {
        const struct pcpu_hot___with_count *hot = bpf_this_cpu_ptr(&pcpu_hot);

        return !(hot->preempt_count & SERVING_INTERRUPT);
      }
      return false;
    }

    static bool matches(const struct address *a, const struct address *wanted,
                        const struct address *mask)
    {
      return !(((a->word[0] ^ wanted->word[0]) & mask->word[0]) |
               ((a->word[1] ^ wanted->word[1]) & mask->word[1]) |
               ((a->word[2] ^ wanted->word[2]) & mask->word[2]) |
               ((a->word[3] ^ wanted->word[3]) & mask->word[3]));
    }

    static void set_ipv4(struct address *a, u32 value)
    {
      a->word[0] = a->word[1] = 0;
      a->word[2] = bpf_htonl(0xffff);
      a->word[3] = value;
    }

    /* Fills addresses, protocol, ports and length; false for what is not IP. */
    static bool parse(struct event *e, const void *l3, u32 available, u16 ethertype)
    {
      const void *l4;
      bool first_fragment = true;
      u32 ports = 0;

      if (ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD)) {
        bpf_probe_read_kernel(&ethertype, sizeof(ethertype), l3 + 2);
        l3 += 4;
      }
      if (ethertype == bpf_htons(ETH_P_IP)) {
        struct iphdr ip;

        if (bpf_probe_read_kernel(&ip, sizeof(ip), l3))
          return false;
        e->is_ipv4 = 1;
        set_ipv4(&e->src, ip.saddr);
        set_ipv4(&e->dst, ip.daddr);
        e->protocol = ip.protocol;
        e->len = ip.tot_len ? bpf_ntohs(ip.tot_len) : available;
        first_fragment = !(ip.frag_off & bpf_htons(0x1fff));
        l4 = l3 + ip.ihl * 4;
      } else if (ethertype == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;
        u8 next;

        if (bpf_probe_read_kernel(&ip, sizeof(ip), l3))
          return false;
        e->is_ipv4 = 0;
        __builtin_memcpy(&e->src, &ip.saddr, sizeof(e->src));
        __builtin_memcpy(&e->dst, &ip.daddr, sizeof(e->dst));
        e->len = ip.payload_len ? bpf_ntohs(ip.payload_len) + sizeof(ip) : available;
        next = ip.nexthdr;
        l4 = l3 + sizeof(ip);
        for (int i = 0; i < 6; i++) {   /* extension headers: next header, length / 8 - 1 */
          u8 head[4] = {};

          if (next != 0 && next != 43 && next != 44 && next != 60)
            break;
          if (bpf_probe_read_kernel(head, sizeof(head), l4))
            break;
          if (next == 44 && ((head[2] << 8 | head[3]) & 0xfff8))
            first_fragment = false;
          l4 += next == 44 ? 8 : (head[1] + 1) * 8;
          next = head[0];
        }
        e->protocol = next;
      } else {
        return false;
      }
      if (first_fragment && (e->protocol == IPPROTO_TCP || e->protocol == IPPROTO_UDP ||
                             e->protocol == IPPROTO_SCTP || e->protocol == IPPROTO_DCCP))
        bpf_probe_read_kernel(&ports, sizeof(ports), l4);
      e->sport = bpf_ntohs(ports & 0xffff);
      e->dport = bpf_ntohs(ports >> 16);
      return true;
    }

    static void find_process(struct event *e, u32 netns)
    {
      struct port_key key = { .netns = netns, .protocol = e->protocol };
      struct process process = {}, *owner;

      key.port = e->direction == TX ? e->sport : e->dport;
      if (e->direction == TX && in_task()) {
        process.pid = bpf_get_current_pid_tgid() >> 32;
        bpf_get_current_comm(process.comm, sizeof(process.comm));
        if (key.port)
          bpf_map_update_elem(&owners, &key, &process, BPF_ANY);
      } else if (key.port) {
        owner = bpf_map_lookup_elem(&owners, &key);
        if (owner)
          process = *owner;
      }
      e->pid = process.pid;
      __builtin_memcpy(e->comm, process.comm, sizeof(e->comm));
    }

    /* The event of a packet that the filters let through, or NULL. */
    static struct event *packet(struct sk_buff *skb, enum direction direction)
    {
      struct net_device *dev = BPF_CORE_READ(skb, dev);
      u32 zero = 0, netns = 0, available = BPF_CORE_READ(skb, len);
      struct event *e = bpf_map_lookup_elem(&scratch, &zero);
      struct config *wanted = bpf_map_lookup_elem(&config, &zero);
      const void *l3 = BPF_CORE_READ(skb, data);

      if (!e || !wanted)
        return NULL;
      e->ifindex = 0;
      if (dev) {
        e->ifindex = BPF_CORE_READ(dev, ifindex);
        netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
      }
      if (wanted->ifindex && (wanted->ifindex != e->ifindex || wanted->netns != netns))
        return NULL;
      if (direction != RX) {   /* a received packet begins with its IP header here */
        const void *network =
          BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);

        available -= network - l3;
        l3 = network;
      }
      e->direction = direction;
      if (!parse(e, l3, available, BPF_CORE_READ(skb, protocol)))
        return NULL;
      if (wanted->protocol != 256 && wanted->protocol != e->protocol)
        return NULL;
      if (wanted->port && wanted->port != e->sport && wanted->port != e->dport)
        return NULL;
      if (!matches(&e->src, &wanted->src, &wanted->src_mask) ||
          !matches(&e->dst, &wanted->dst, &wanted->dst_mask))
        return NULL;
      e->ts = bpf_ktime_get_ns();
      e->reason = 0;
      e->stack_size = 0;
      __builtin_memset(e->iface, 0, sizeof(e->iface));
      if (dev)
        bpf_probe_read_kernel_str(e->iface, sizeof(e->iface), dev->name);
      find_process(e, netns);
      return e;
    }

    SEC("tp_btf/netif_receive_skb")
    int BPF_PROG(on_receive, struct sk_buff *skb)
    {
      struct event *e = packet(skb, RX);

      if (e)
        bpf_ringbuf_output(&events, e, offsetof(struct event, stack), 0);
      return 0;
    }

    SEC("tp_btf/net_dev_start_xmit")
    int BPF_PROG(on_send, struct sk_buff *skb, struct net_device *dev)
    {
      struct event *e = packet(skb, TX);

      if (e)
        bpf_ringbuf_output(&events, e, offsetof(struct event, stack), 0);
      return 0;
    }

    SEC("tracepoint/skb/kfree_skb")
    int on_drop(struct trace_event_raw_kfree_skb *ctx)
    {
      struct event *e = packet((struct sk_buff *)BPF_CORE_READ(ctx, skbaddr), DROP);
      long size;

      if (!e)
        return 0;
      if (bpf_core_field_exists(ctx->reason))
        e->reason = BPF_CORE_READ(ctx, reason);
      size = bpf_get_stack(ctx, e->stack, sizeof(e->stack), 0);
      e->stack_size = size > 0 ? size / 8 : 0;
      bpf_ringbuf_output(&events, e, sizeof(*e), 0);
      return 0;
    }
  ]],
}

local wanted = filter.new(args)
obj.maps.config[0] = wanted:config()

local columns = {}
if args.time then columns[1] = { name = "TIME", width = 9 } end
for _, column in ipairs {
  { name = "DIR", width = 4 },
  { name = "IFACE", width = 8 },
  { name = "PROTO", width = 5 },
  { name = "SOURCE", width = 21 },
  { name = "DESTINATION", width = 21 },
  { name = "LEN", width = 5 },
  { name = "PID", width = 7 },
  { name = "COMM", width = args.drops and 15 or nil },
} do
  columns[#columns + 1] = column
end
if args.drops then columns[#columns + 1] = { name = "REASON" } end
-- Columns of JSON and CSV only: a reader wants the parts by themselves.
for _, key in ipairs { "saddr", "sport", "daddr", "dport" } do
  columns[#columns + 1] = { name = key:upper(), key = key, hidden = true }
end
if args.drops then columns[#columns + 1] = { name = "STACK", key = "stack", hidden = true } end
local rows = bpf.table(columns)

local DIRECTIONS = { [0] = "RX", [1] = "TX", [2] = "DROP" }
local reasons = args.drops and filter.drop_reasons() or {}

local function address_of(a, is_ipv4)
  if is_ipv4 then return bpf.ntop(a:raw("word"):sub(13, 16)) end
  return bpf.ntop(a:raw("word"))
end

local function with_port(address, port, is_ipv4)
  if port == 0 then return address end
  return (is_ipv4 and "%s:%d" or "[%s]:%d"):format(address, port)
end

local function frames_of(e)
  local frames = {}
  for i = 1, e.stack_size do frames[i] = bpf.ksym(e.stack[i]) or "[unknown]" end
  return frames
end

obj.maps.events:each(function(e)
  local is_ipv4 = e.is_ipv4 == 1
  local src, dst = address_of(e.src, is_ipv4), address_of(e.dst, is_ipv4)
  local frames = frames_of(e)
  rows:row {
    time = bpf.time(e.ts), dir = DIRECTIONS[e.direction], iface = e.iface,
    proto = filter.protocol_name(e.protocol), len = e.len,
    source = with_port(src, e.sport, is_ipv4), destination = with_port(dst, e.dport, is_ipv4),
    saddr = src, sport = e.sport, daddr = dst, dport = e.dport,
    pid = e.pid, comm = e.comm, reason = reasons[e.reason] or tostring(e.reason),
    stack = table.concat(frames, ";"),
  }
  if rows:is_text() then
    for _, frame in ipairs(frames) do print("    " .. frame) end
  end
end)

if args.interactive then
  bpf.each_line(function(line)
    local ok, why = wanted:change(line)
    if ok then
      obj.maps.config[0] = wanted:config()
      io.stderr:write("filter: ", wanted:describe(), "\n")
    else
      io.stderr:write("netmon: ", why, "\n")
    end
  end)
end

obj.programs.on_receive:attach()
obj.programs.on_send:attach()
if args.drops then obj.programs.on_drop:attach() end
bpf.run()
