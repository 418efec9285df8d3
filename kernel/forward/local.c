// SPDX-License-Identifier: GPL-2.0
/*
 * Local Node: the director is one of the real servers.
 *
 * The packet is not rewritten. It is given to the socket that listens on the real server's port, on
 * the virtual address or on every address. If there is none, it is given to the socket that listens
 * on the real server's own address (for example, 127.0.0.1). The socket sees the addresses of the
 * client and of the virtual service, so TCP replies need no change. UDP replies come from the
 * socket's own address and are rewritten.
 */
#include "forward.h"
#include "route.h"

#include "../core/tcp_state.h"
#include "../reject.h"

#include <net/inet_timewait_sock.h>
#include <net/netfilter/nf_tproxy.h>
#include <net/sock.h>

/* Return: the socket for a packet to @addr:@port, with a reference, or NULL. */
static struct sock *lookup_sock(const struct ippfvs_packet *pkt, const union ippfvs_addr *addr,
				__be16 port, enum nf_tproxy_lookup_t type)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

	if (ippfvs_packet_ipv4(pkt))
		return nf_tproxy_get_sock_v4(pkt->net, pkt->skb, tuple->protocol, tuple->saddr.ip,
					     addr->ip, tuple->sport, port, pkt->in, type);
	return nf_tproxy_get_sock_v6(pkt->net, pkt->skb, pkt->wire.l4, tuple->protocol,
				     &tuple->saddr.ip6, &addr->ip6, tuple->sport, port, pkt->in,
				     type);
}

static struct sock *lookup_listener(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
				    __be16 port)
{
	struct sock *sk;

	sk = lookup_sock(pkt, &pkt->wire.tuple.daddr, port, NF_TPROXY_LOOKUP_LISTENER);
	return sk ?: lookup_sock(pkt, real, port, NF_TPROXY_LOOKUP_LISTENER);
}

/* A UDP server may have a connected socket for each client. */
static struct sock *lookup_server(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
				  __be16 port)
{
	struct sock *sk = NULL;

	if (pkt->wire.tuple.protocol == IPPROTO_UDP)
		sk = lookup_sock(pkt, &pkt->wire.tuple.daddr, port, NF_TPROXY_LOOKUP_ESTABLISHED);
	return sk ?: lookup_listener(pkt, real, port);
}

bool ippfvs_local_has_socket(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
			     __be16 port)
{
	struct sock *sk;

	/* The lookup needs the input device, which only a packet at LOCAL_IN has. */
	if (pkt->hook != IPPFVS_LOCAL_IN)
		return false;
	sk = lookup_server(pkt, real, port);
	if (sk)
		sock_gen_put(sk);
	return sk;
}

/* Get the address that a UDP socket is bound to. Return: false if it is not bound to an address. */
static bool bound_addr(const struct ippfvs_packet *pkt, const struct sock *sk,
		       union ippfvs_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (ippfvs_packet_ipv4(pkt)) {
		addr->ip = inet_sk(sk)->inet_rcv_saddr;
		return addr->ip;
	}
	addr->ip6 = sk->sk_v6_rcv_saddr;
	return !ipv6_addr_any(&sk->sk_v6_rcv_saddr);
}

bool ippfvs_local_rewrites_reply(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
				 __be16 port, union ippfvs_addr *source)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;
	struct sock *sk;
	bool known;

	*source = *real;
	if (tuple->protocol != IPPROTO_UDP || pkt->hook != IPPFVS_LOCAL_IN)
		return false;
	sk = lookup_server(pkt, real, port);
	if (!sk)
		return false;

	known = bound_addr(pkt, sk, source);
	sock_gen_put(sk);
	if (!known && !ippfvs_route_source(pkt->net, tuple->family, &tuple->saddr, source)) {
		*source = *real;
		return false;
	}
	return port != tuple->dport || !ippfvs_addr_equal(source, &tuple->daddr);
}

/* Return: the socket that is connected to the sender, with a reference, or NULL. */
static struct sock *lookup_connected(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

	return lookup_sock(pkt, &tuple->daddr, tuple->dport, NF_TPROXY_LOOKUP_ESTABLISHED);
}

bool ippfvs_local_has_client(const struct ippfvs_packet *pkt)
{
	struct sock *sk = lookup_connected(pkt);

	if (sk)
		sock_gen_put(sk);
	return sk;
}

bool ippfvs_local_has_server(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;
	struct sock *sk;

	sk = lookup_sock(pkt, &tuple->daddr, tuple->dport, NF_TPROXY_LOOKUP_LISTENER);
	if (sk)
		sock_gen_put(sk);
	return sk;
}

/* Return: true if a SYN may replace the socket of an earlier connection. */
static bool sock_is_replaceable(const struct ippfvs_packet *pkt, const struct sock *sk)
{
	return sk->sk_state == TCP_TIME_WAIT && ippfvs_tcp_opens(pkt->wire.tcp_flags);
}

enum ippfvs_verdict ippfvs_local_forward(struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
{
	union ippfvs_addr real = conn->real->addr;
	__be16 port = conn->port[IPPFVS_END_REAL];
	struct sock *sk = NULL, *old = NULL;

	/* The lookup needs the input device, which only a packet at LOCAL_IN has. */
	if (pkt->hook == IPPFVS_LOCAL_IN) {
		old = lookup_connected(pkt);
		if (!old || sock_is_replaceable(pkt, old))
			sk = lookup_server(pkt, &real, port);
	}
	if (sk) {
		if (old)
			inet_twsk_deschedule_put(inet_twsk(old));
		nf_tproxy_assign_sock(pkt->skb, sk);
		return IPPFVS_PASS;
	}
	if (old) { /* the stack will find this socket itself */
		sock_gen_put(old);
		return IPPFVS_PASS;
	}
	ippfvs_conn_end(conn);
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_LISTENER);
}
