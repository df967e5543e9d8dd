/*
 * Where the headers of a packet are: behind VLAN tags, behind IPv6 extensions. Every read is by
 * a helper, so the packet may be anywhere.
 */
#pragma once

enum direction { RX, TX, DROP };

static bool is_vlan(u16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* Whether an IP header of `ethertype` can begin at `l3`. */
static bool is_ip(const void *l3, u16 ethertype)
{
	u8 first = 0;

	bpf_probe_read_kernel(&first, sizeof(first), l3);
	if (ethertype == bpf_htons(ETH_P_IP))
		return first >> 4 == 4 && (first & 15) >= 5;
	return ethertype == bpf_htons(ETH_P_IPV6) && first >> 4 == 6;
}

/*
 * The IP header and, in `ethertype`, which; NULL for what is not IP. A packet that is being
 * received begins with it, or with VLAN tags before it; for others the kernel has noted
 * where it is, also behind a tag. A dropped packet may be of either sort.
 */
static const void *find_ip(struct sk_buff *skb, enum direction direction, u16 *ethertype)
{
	const void *noted = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	const void *at = BPF_CORE_READ(skb, data);
	u16 type = BPF_CORE_READ(skb, protocol);

	*ethertype = type;
	if (direction != RX) {
		if (is_vlan(type)) {
			*ethertype = bpf_htons(ETH_P_IP);
			if (is_ip(noted, *ethertype))
				return noted;
			*ethertype = bpf_htons(ETH_P_IPV6);
		}
		if (is_ip(noted, *ethertype))
			return noted;
		if (direction == TX)
			return NULL;
		*ethertype = type;
	}
	for (int i = 0; i < 2 && is_vlan(*ethertype); i++) {
		bpf_probe_read_kernel(ethertype, sizeof(*ethertype), at + 2);
		at += 4;
	}
	return is_ip(at, *ethertype) ? at : NULL;
}

/* Skips IPv6 extension headers. Returns the protocol, and in `l4` where its header is. */
static u8 skip_extensions(u8 next, const void **l4, bool *first_fragment)
{
	for (int i = 0; i < 8; i++) {
		u8 head[4] = {}; /* next header, length, and of a fragment its offset */

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
			break;
		if (bpf_probe_read_kernel(head, sizeof(head), *l4))
			break;
		if (next == IPPROTO_FRAGMENT) {
			*l4 += 8;
			if ((head[2] << 8 | head[3]) & 0xfff8) {
				*first_fragment = false;
				return head[0];
			}
		} else if (next == IPPROTO_AH) {
			*l4 += (head[1] + 2) * 4;
		} else {
			*l4 += (head[1] + 1) * 8;
		}
		next = head[0];
	}
	return next;
}
