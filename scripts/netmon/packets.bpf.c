/*
 * What netmon runs in the kernel: reads the headers of each packet, compares them with the
 * filters in the map `config`, and sends what they let through.
 */
#include <ebl/ebpf_lua.h>
#include "headers.bpf.h"

#define STACK_DEPTH 32

enum event_flag {
	IS_IPV4 = 1,
	HAS_PORTS = 2,
};

struct address {
	u32 word[4]; /* IPv6, or an IPv4 address as ::ffff:a.b.c.d */
};

struct config {
	struct address src, src_mask, dst, dst_mask; /* a mask of zeros: any */
	u32 ifindex, netns;			     /* 0: any */
	u32 protocol, port;			     /* protocol 256, port 0: any */
};

struct event {
	u64 ts;
	struct address src, dst;
	u32 pid, len, reason;
	u16 sport, dport;
	u8 direction, protocol, flags, stack_size;
	char comm[TASK_COMM_LEN];
	char iface[IFNAMSIZ];
#ifdef CAPTURE
	u32 captured;
	u8 packet[CAPTURE]; /* from the IP header on */
#else
	u64 stack[STACK_DEPTH]; /* of drops only */
#endif
};
#ifdef CAPTURE
#define HEAD_SIZE offsetof(struct event, packet)
#else
#define HEAD_SIZE offsetof(struct event, stack)
#endif

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
PERCPU_ARRAY(scratch, struct event, 3); /* by direction: a drop may be interrupted by others */
LRU_HASH(owners, struct port_key, struct process, 16384);

/*
 * Whether this CPU serves a soft interrupt: then the running process has nothing to do with the
 * packet. The kernel's own count (__preempt_count) is no help where kallsyms has no variables.
 */
PERCPU_ARRAY(softirq, u32, 1);

static void set_softirq(u32 serving)
{
	u32 zero = 0, *state = bpf_map_lookup_elem(&softirq, &zero);

	if (state)
		*state = serving;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq_entry)
{
	set_softirq(1);
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_exit)
{
	set_softirq(0);
	return 0;
}

static bool in_task(void)
{
	u32 zero = 0, *state = bpf_map_lookup_elem(&softirq, &zero);

	return state && !*state;
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
static bool parse(struct event *e, struct sk_buff *skb)
{
	u16 ethertype, ports[2];
	const void *l3 = find_ip(skb, e->direction, &ethertype), *l4;
	u32 available = (void *)BPF_CORE_READ(skb, data) + BPF_CORE_READ(skb, len) - l3;
	bool first_fragment = true;

	if (!l3)
		return false;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), l3))
			return false;
		e->flags = IS_IPV4;
		set_ipv4(&e->src, ip.saddr);
		set_ipv4(&e->dst, ip.daddr);
		e->protocol = ip.protocol;
		e->len = ip.tot_len ? bpf_ntohs(ip.tot_len) : available;
		first_fragment = !(ip.frag_off & bpf_htons(0x1fff));
		l4 = l3 + ip.ihl * 4;
	} else {
		struct ipv6hdr ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), l3))
			return false;
		e->flags = 0;
		__builtin_memcpy(&e->src, &ip.saddr, sizeof(e->src));
		__builtin_memcpy(&e->dst, &ip.daddr, sizeof(e->dst));
		e->len = ip.payload_len ? bpf_ntohs(ip.payload_len) + sizeof(ip) : available;
		l4 = l3 + sizeof(ip);
		e->protocol = skip_extensions(ip.nexthdr, &l4, &first_fragment);
	}
	e->sport = e->dport = 0;
	if (first_fragment &&
	    (e->protocol == IPPROTO_TCP || e->protocol == IPPROTO_UDP ||
	     e->protocol == IPPROTO_SCTP || e->protocol == IPPROTO_DCCP) &&
	    !bpf_probe_read_kernel(ports, sizeof(ports), l4)) {
		e->flags |= HAS_PORTS;
		e->sport = bpf_ntohs(ports[0]);
		e->dport = bpf_ntohs(ports[1]);
	}
	return true;
}

/*
 * Who sent it: the process that runs, unless an interrupt does. Who gets it: the process that
 * last sent from its port, as this program has seen it.
 */
static void find_process(struct event *e, u32 netns)
{
	struct port_key key = { .netns = netns, .protocol = e->protocol };
	struct process process = {}, *owner;

	key.port = e->direction == TX ? e->sport : e->dport;
	owner = bpf_map_lookup_elem(&owners, &key);
	if (e->direction == TX && in_task()) {
		process.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(process.comm, sizeof(process.comm));
		if ((e->flags & HAS_PORTS) && (!owner || owner->pid != process.pid))
			bpf_map_update_elem(&owners, &key, &process, BPF_ANY);
	} else if (owner && (e->flags & HAS_PORTS)) {
		process = *owner;
	}
	e->pid = process.pid;
	__builtin_memcpy(e->comm, process.comm, sizeof(e->comm));
}

/* The event of a packet that the filters let through, or NULL. */
static struct event *packet(struct sk_buff *skb, struct net_device *dev,
			    enum direction direction)
{
	u32 zero = 0, place = direction, ifindex = 0, netns = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &place);
	struct config *wanted = bpf_map_lookup_elem(&config, &zero);

	if (!e || !wanted)
		return NULL;
	if (dev) {
		ifindex = BPF_CORE_READ(dev, ifindex);
		netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	}
	if (wanted->ifindex && (wanted->ifindex != ifindex || wanted->netns != netns))
		return NULL;
	e->direction = direction;
	if (!parse(e, skb))
		return NULL;
	/* Before the filters: what they leave out may be the one that tells the owner. */
	find_process(e, netns);
	if (wanted->protocol != 256 && wanted->protocol != e->protocol)
		return NULL;
	if (wanted->port && (!(e->flags & HAS_PORTS) ||
			     (wanted->port != e->sport && wanted->port != e->dport)))
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
	return e;
}

static void submit(struct event *e, u32 size)
{
	bpf_ringbuf_output(&events, e, size, 0);
}

#ifdef CAPTURE
/*
 * Copies the packet from its IP header on, as far as it lies in one piece: what a program has
 * written to a TCP socket is mostly elsewhere. Returns how much.
 */
static u32 capture(struct event *e, struct sk_buff *skb)
{
	u16 ethertype;
	const void *l3 = find_ip(skb, e->direction, &ethertype);
	const void *end = BPF_CORE_READ(skb, data) + BPF_CORE_READ(skb, len) -
			  BPF_CORE_READ(skb, data_len);
	u64 size = end > l3 ? end - l3 : 0;

	e->captured = 0;
	if (size > e->len)
		size = e->len; /* the rest pads a short frame */
	if (size > CAPTURE)
		size = CAPTURE;
	if (!l3 || !size || bpf_probe_read_kernel(e->packet, size, l3))
		return 0;
	e->captured = size;
	return size;
}
#else
static u32 capture(struct event *e, struct sk_buff *skb)
{
	return 0;
}
#endif

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_receive, struct sk_buff *skb)
{
	struct event *e = packet(skb, BPF_CORE_READ(skb, dev), RX);

	if (e)
		submit(e, HEAD_SIZE + capture(e, skb));
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_send, struct sk_buff *skb, struct net_device *dev)
{
	struct event *e = packet(skb, dev, TX);

	if (e)
		submit(e, HEAD_SIZE + capture(e, skb));
	return 0;
}

#ifndef CAPTURE
/* The kernel's own type lacks the field before 5.17. */
struct trace_event_raw_kfree_skb___with_reason {
	enum skb_drop_reason___any { SKB_DROP_REASON_ANY } reason;
} __attribute__((preserve_access_index));

SEC("tracepoint/skb/kfree_skb")
int on_drop(struct trace_event_raw_kfree_skb *ctx)
{
	struct trace_event_raw_kfree_skb___with_reason *newer = (void *)ctx;
	struct sk_buff *skb = ctx->skbaddr;
	struct event *e = packet(skb, BPF_CORE_READ(skb, dev), DROP);
	long size;

	if (!e)
		return 0;
	if (bpf_core_field_exists(newer->reason))
		e->reason = newer->reason;
	size = bpf_get_stack(ctx, e->stack, sizeof(e->stack), 0);
	e->stack_size = size > 0 ? size / 8 : 0;
	submit(e, sizeof(*e));
	return 0;
}
#endif
