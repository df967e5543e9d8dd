/*
 * What tcpconnect, tcpaccept and tcplife read of TCP sockets. All by probe reads, so that
 * it takes the typed pointers of tp_btf and plain ones alike.
 */
#pragma once

#include <ebl/counts.h>

struct connection {
	u8 laddr[16], raddr[16]; /* IPv4 in the first four bytes */
	u16 lport, rport;
	u16 family;
};

/* The process that a connection belongs to. */
struct owner {
	u32 pid, uid;
	char comm[TASK_COMM_LEN];
};

static __always_inline struct owner current_owner(void)
{
	struct owner owner = {};

	owner.pid = bpf_get_current_pid_tgid() >> 32;
	owner.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(owner.comm, sizeof(owner.comm));
	return owner;
}

static __always_inline struct connection connection_of(const struct sock *sk)
{
	struct connection c = { .family = BPF_CORE_READ(sk, __sk_common.skc_family) };
	const struct inet_sock *inet = (const void *)sk;

	c.lport = bpf_ntohs(BPF_CORE_READ(inet, inet_sport));
	c.rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (c.family == AF_INET) {
		BPF_CORE_READ_INTO((__be32 *)c.laddr, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__be32 *)c.raddr, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&c.laddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&c.raddr, sk, __sk_common.skc_v6_daddr);
	}
	return c;
}

static bool is_tcp(const struct sock *sk, u16 only_family)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return false;
	if (only_family && family != only_family)
		return false;
	return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* The socket of a descriptor of the running process. */
static struct sock *socket_of(long fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **table = BPF_CORE_READ(task, files, fdt, fd), *file = NULL;
	struct socket *socket;

	bpf_probe_read_kernel(&file, sizeof(file), table + fd);
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* What accept() and accept4() gave: `action(sk)` runs for each TCP connection. */
#define ON_ACCEPT(action, only_family)                                             \
	static int on_accept(long fd)                                              \
	{                                                                          \
		struct sock *sk = fd >= 0 ? socket_of(fd) : NULL;                  \
                                                                                   \
		if (sk && is_tcp(sk, only_family))                                 \
			action(sk);                                                \
		return 0;                                                          \
	}                                                                          \
	SEC("tracepoint/syscalls/sys_exit_accept")                                 \
	int exit_accept(struct trace_event_raw_sys_exit *ctx)                      \
	{                                                                          \
		return on_accept(ctx->ret);                                        \
	}                                                                          \
	SEC("tracepoint/syscalls/sys_exit_accept4")                                \
	int exit_accept4(struct trace_event_raw_sys_exit *ctx)                     \
	{                                                                          \
		return on_accept(ctx->ret);                                        \
	}
