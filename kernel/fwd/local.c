// SPDX-License-Identifier: GPL-2.0
/*
 * Local Node: the director is one of the servers.
 *
 * The packet is not rewritten. It is given to the socket that listens at the
 * real server's port: on the virtual address or on any, else on the real
 * server's own address (127.0.0.1). The socket sees the client and the virtual
 * address as they are, so TCP's answers are right from the start. UDP answers
 * come from the socket's own address and are rewritten.
 */
#include "forward.h"

#include "../conn/conn.h"
#include "../core/tcp_state.h"
#include "../reject.h"
#include "../service/real.h"

#include <net/inet_timewait_sock.h>
#include <net/netfilter/nf_tproxy.h>
#include <net/sock.h>

/* A socket for the packet as if it went to @addr:@port; with a reference. */
static struct sock *lookup(const struct ippfvs_packet *pkt,
			   const union ippfvs_addr *addr, __be16 port,
			   enum nf_tproxy_lookup_t type)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

	if (ippfvs_packet_ipv4(pkt))
		return nf_tproxy_get_sock_v4(pkt->net, pkt->skb,
					     tuple->protocol, tuple->saddr.ip,
					     addr->ip, tuple->sport, port,
					     pkt->in, type);
	return nf_tproxy_get_sock_v6(pkt->net, pkt->skb, pkt->wire.l4,
				     tuple->protocol, &tuple->saddr.ip6,
				     &addr->ip6, tuple->sport, port, pkt->in,
				     type);
}

static struct sock *listener(const struct ippfvs_packet *pkt,
			     const union ippfvs_addr *real, __be16 port)
{
	struct sock *sk;

	sk = lookup(pkt, &pkt->wire.tuple.daddr, port,
		    NF_TPROXY_LOOKUP_LISTENER);
	return sk ?: lookup(pkt, real, port, NF_TPROXY_LOOKUP_LISTENER);
}

/* UDP servers may have a connected socket for each client, on their port. */
static struct sock *server(const struct ippfvs_packet *pkt,
			   const union ippfvs_addr *real, __be16 port)
{
	struct sock *sk = NULL;

	if (pkt->wire.tuple.protocol == IPPROTO_UDP)
		sk = lookup(pkt, &pkt->wire.tuple.daddr, port,
			    NF_TPROXY_LOOKUP_ESTABLISHED);
	return sk ?: listener(pkt, real, port);
}

bool ippfvs_local_serves(const struct ippfvs_packet *pkt,
			 const union ippfvs_addr *real, __be16 port)
{
	struct sock *sk;

	/* Only what was routed to us has a socket here, and a device. */
	if (pkt->place != IPPFVS_FOR_US)
		return false;
	sk = server(pkt, real, port);
	if (sk)
		sock_gen_put(sk);
	return sk;
}

/* The address that a UDP socket is bound to; false: any. */
static bool bound_to(const struct ippfvs_packet *pkt, const struct sock *sk,
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

bool ippfvs_local_answers(const struct ippfvs_packet *pkt,
			  const union ippfvs_addr *real, __be16 port,
			  union ippfvs_addr *source)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;
	struct sock *sk;
	bool known;

	*source = *real;
	if (tuple->protocol != IPPROTO_UDP || pkt->place != IPPFVS_FOR_US)
		return false;
	sk = server(pkt, real, port);
	if (!sk)
		return false;

	known = bound_to(pkt, sk, source);
	sock_gen_put(sk);
	if (!known && !ippfvs_route_source(pkt->net, tuple->family,
					   &tuple->saddr, source)) {
		*source = *real;
		return false;
	}
	return port != tuple->dport ||
	       !ippfvs_addr_equal(source, &tuple->daddr);
}

/* The socket of a client that is connected already; with a reference. */
static struct sock *connected(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

	return lookup(pkt, &tuple->daddr, tuple->dport,
		      NF_TPROXY_LOOKUP_ESTABLISHED);
}

bool ippfvs_local_connected(const struct ippfvs_packet *pkt)
{
	struct sock *sk = connected(pkt);

	if (sk)
		sock_gen_put(sk);
	return sk;
}

/* A SYN may take the place of its predecessor in TIME_WAIT. */
static bool gives_way(const struct ippfvs_packet *pkt, const struct sock *sk)
{
	return sk->sk_state == TCP_TIME_WAIT &&
	       ippfvs_tcp_opens(pkt->wire.tcp_flags);
}

enum ippfvs_verdict ippfvs_local(struct ippfvs_packet *pkt,
				 struct ippfvs_conn *conn)
{
	union ippfvs_addr real = conn->real->addr;
	__be16 port = conn->port[IPPFVS_END_REAL];
	struct sock *sk = NULL, *old = NULL;

	/* Only what was routed to us has a socket here, and a device. */
	if (pkt->place == IPPFVS_FOR_US) {
		old = connected(pkt);
		if (!old || gives_way(pkt, old))
			sk = server(pkt, &real, port);
	}
	if (sk) {
		if (old)
			inet_twsk_deschedule_put(inet_twsk(old));
		nf_tproxy_assign_sock(pkt->skb, sk);
		return IPPFVS_PASS;
	}
	if (old) {	/* the stack finds it by itself */
		sock_gen_put(old);
		return IPPFVS_PASS;
	}
	ippfvs_conn_end(conn);
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_LISTENER);
}
