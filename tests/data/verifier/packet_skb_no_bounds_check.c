SEC("tc")
int program(struct __sk_buff *skb)
{
	struct iphdr *ip = (void *)(long)skb->data + sizeof(struct ethhdr);

	return ip->ttl < 2;
}
