// SPDX-License-Identifier: GPL-2.0
/*
 * An error quotes the packet that it is about as that packet was on the wire.
 * Turned round, the quote has the tuple of an answer to it, and finds the
 * connection: quoted on its way to the server, the error is the client's; quoted
 * on its way to the client, it is the server's. Outer and inner headers are
 * rewritten to what the receiver knows.
 */
#include "icmp.h"

#include "conn/conn.h"
#include "conn/hash.h"
#include "fwd/forward.h"
#include "fwd/rewrite.h"
#include "fwd/ttl.h"
#include "net.h"
#include "service/real.h"

#include <linux/errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/route.h>

static void turn_round(const struct ippfvs_tuple *tuple,
		       struct ippfvs_tuple *answer)
{
	*answer = *tuple;
	answer->saddr = tuple->daddr;
	answer->daddr = tuple->saddr;
	answer->sport = tuple->dport;
	answer->dport = tuple->sport;
}

static struct ippfvs_conn *find(struct ippfvs_packet *pkt,
				const struct ippfvs_tuple *tuple,
				enum ippfvs_conn_dir *dir)
{
	struct ippfvs_conn_table *table = &pkt->ipn->conns;

	return ippfvs_conn_find(table, tuple, ippfvs_conn_hash(table, tuple),
				dir);
}

/* A broken one must not leave us with a checksum that is right. */
static bool intact(const struct ippfvs_packet *pkt)
{
	if (pkt->place == IPPFVS_OUR_OWN)
		return true;
	if (ippfvs_packet_ipv4(pkt))
		return !nf_ip_checksum(pkt->skb, pkt->hook, pkt->wire.l4,
				       IPPROTO_ICMP);
	return !nf_ip6_checksum(pkt->skb, pkt->hook, pkt->wire.l4,
				IPPROTO_ICMPV6);
}

/* The whole message: too much in it has changed to do it by halves. */
static void sum_up(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	u32 l4 = pkt->wire.l4;
	u32 len = pkt->wire.length - l4;
	u8 *th = skb->data + l4;

	skb->ip_summed = CHECKSUM_NONE;
	if (ippfvs_packet_ipv4(pkt)) {
		struct icmphdr *icmph = (struct icmphdr *)th;

		icmph->checksum = 0;
		icmph->checksum = csum_fold(skb_checksum(skb, l4, len, 0));
	} else {
		struct icmp6hdr *icmph = (struct icmp6hdr *)th;
		const struct ipv6hdr *iph = ipv6_hdr(skb);

		icmph->icmp6_cksum = 0;
		icmph->icmp6_cksum =
			csum_ipv6_magic(&iph->saddr, &iph->daddr, len,
					IPPROTO_ICMPV6,
					skb_checksum(skb, l4, len, 0));
	}
}

/* Headers as far as the quote was read, private, with room for a link layer. */
static bool writable(struct ippfvs_packet *pkt,
		     const struct ippfvs_wire *quoted, unsigned int headroom)
{
	return !skb_ensure_writable(pkt->skb, pkt->wire.inner + quoted->l4 +
					      quoted->l4_size) &&
	       !skb_cow_head(pkt->skb, headroom);
}

/**
 * struct error - an ICMP error on its way through
 * @pkt: it
 * @quoted: headers of the packet that it quotes
 * @conn: whose packet that was
 */
struct error {
	struct ippfvs_packet *pkt;
	struct ippfvs_wire quoted;
	struct ippfvs_conn *conn;
};

/*
 * Rewrite the quote's end that the receiver does not know, and the error's
 * address when @outer is set; then send it by @dst, or let it go on.
 */
static enum ippfvs_verdict pass_on(struct error *error,
				   enum ippfvs_conn_end known,
				   const union ippfvs_addr *outer,
				   struct dst_entry *dst)
{
	struct ippfvs_packet *pkt = error->pkt;
	bool source = known == IPPFVS_END_REAL;
	struct ippfvs_new_end end;

	ippfvs_new_end_set(error->conn, known, source, &end);
	if (dst && ippfvs_packet_ttl_spent(pkt)) {
		dst_release(dst);
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_TTL);
	}
	if (!writable(pkt, &error->quoted,
		      dst ? LL_RESERVED_SPACE(dst->dev) : 0)) {
		dst_release(dst);
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	}

	ippfvs_rewrite(pkt->skb->data + pkt->wire.inner, &error->quoted, &end,
		       false);
	if (outer)
		ippfvs_rewrite_addr(skb_network_header(pkt->skb),
				    pkt->wire.tuple.family, outer, !source);
	sum_up(pkt);
	if (!dst)
		return IPPFVS_PASS;

	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send(pkt, dst, dst_mtu(dst));
}

/*
 * The client knows the virtual server only: also as the sender of this error,
 * whoever behind us it was, because a private address would not be believed, or
 * not even reach it. The director speaks for itself.
 */
static enum ippfvs_verdict to_client(struct error *error)
{
	struct ippfvs_packet *pkt = error->pkt;
	union ippfvs_addr virtual, client;
	struct dst_entry *dst;

	if (pkt->place == IPPFVS_OUR_OWN)
		return pass_on(error, IPPFVS_END_VIRTUAL, NULL, NULL);

	ippfvs_conn_addr(error->conn, IPPFVS_END_VIRTUAL, &virtual);
	if (pkt->place == IPPFVS_FOR_US)
		return pass_on(error, IPPFVS_END_VIRTUAL, &virtual, NULL);

	ippfvs_conn_addr(error->conn, IPPFVS_END_CLIENT, &client);
	dst = ippfvs_route_to_client(pkt, &virtual, &client);
	if (!dst)
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_ICMP);
	if (ippfvs_route_is_ours(dst, error->conn->family)) {
		dst_release(dst);
		return IPPFVS_PASS;
	}
	return pass_on(error, IPPFVS_END_VIRTUAL, &virtual, dst);
}

static enum ippfvs_verdict to_nat_server(struct error *error)
{
	struct ippfvs_packet *pkt = error->pkt;
	const struct ippfvs_route *route;

	route = ippfvs_route_to_real(pkt->net, error->conn->real);
	if (!route)
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_ICMP);
	dst_hold(route->dst);
	return pass_on(error, IPPFVS_END_REAL, &error->conn->real->addr,
		       route->dst);
}

/* Our own UDP server: its socket is found by what it sent. */
static enum ippfvs_verdict to_local_server(struct error *error)
{
	if (!error->conn->two_way || error->pkt->place != IPPFVS_FOR_US)
		return IPPFVS_PASS;
	return pass_on(error, IPPFVS_END_REAL, NULL, NULL);
}

static enum ippfvs_verdict to_server(struct error *error)
{
	switch (error->conn->method) {
	case IPPFVS_METHOD_NAT:
		return to_nat_server(error);
	case IPPFVS_METHOD_LOCAL:
		return to_local_server(error);
	default:
		return ippfvs_forward_uncounted(error->pkt, error->conn);
	}
}

/* What the narrowest link of the path takes, by a "too big" error, or 0. */
static u32 path_mtu(const struct ippfvs_packet *pkt)
{
	const u8 *th = pkt->skb->data + pkt->wire.l4;

	if (ippfvs_packet_ipv4(pkt))
		return pkt->wire.icmp_type == ICMP_DEST_UNREACH &&
		       pkt->wire.icmp_code == ICMP_FRAG_NEEDED ?
		       ntohs(((const struct icmphdr *)th)->un.frag.mtu) : 0;
	return pkt->wire.icmp_type == ICMPV6_PKT_TOOBIG ?
	       ntohl(((const struct icmp6hdr *)th)->icmp6_mtu) : 0;
}

/* Was the quoted packet, an outer one, sent by us to a real server? */
static bool is_our_tunnel(struct ippfvs_packet *pkt,
			  const struct ippfvs_wire *quoted)
{
	struct ippfvs_wire within;
	const struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	if (ippfvs_packet_read_quoted(pkt, pkt->wire.inner + quoted->inner,
				      &within))
		return false;
	conn = find(pkt, &within.tuple, &dir);
	return conn && dir == IPPFVS_CONN_IN &&
	       conn->method == IPPFVS_METHOD_TUN &&
	       conn->real->family == quoted->tuple.family &&
	       ippfvs_addr_equal(&conn->real->addr, &quoted->tuple.daddr);
}

/*
 * About a tunnel of ours: remember the path's MTU. The client learns it from us
 * with its next packet, which we can quote to it whole. An error that does not
 * quote a client's packet as well could be anybody's invention.
 */
static enum ippfvs_verdict tunnel(struct ippfvs_packet *pkt,
				  const struct ippfvs_wire *quoted)
{
	u32 mtu = path_mtu(pkt);

	if (pkt->place != IPPFVS_FOR_US || !mtu || !intact(pkt) ||
	    !is_our_tunnel(pkt, quoted))
		return IPPFVS_PASS;

	/* The stack wants to see the quote. */
	__skb_pull(pkt->skb, pkt->wire.inner);
	if (ippfvs_packet_ipv4(pkt))
		ipv4_update_pmtu(pkt->skb, pkt->net, mtu, 0, IPPROTO_IPIP);
	else
		ip6_update_pmtu(pkt->skb, pkt->net, htonl(mtu), 0, 0,
				sock_net_uid(pkt->net, NULL));
	__skb_push(pkt->skb, pkt->wire.inner);
	return IPPFVS_PASS;
}

enum ippfvs_verdict ippfvs_icmp(struct ippfvs_packet *pkt)
{
	struct error error = { .pkt = pkt };
	struct ippfvs_tuple answer;
	enum ippfvs_conn_dir dir;
	int err;

	err = ippfvs_packet_read_quoted(pkt, pkt->wire.inner, &error.quoted);
	/* It may quote what a real server saw, which is no client's business. */
	if (unlikely(err == -ENOMEM))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_MEMORY);
	if (err || error.quoted.tuple.family != pkt->wire.tuple.family)
		return IPPFVS_PASS;
	if (error.quoted.inner)
		return tunnel(pkt, &error.quoted);

	turn_round(&error.quoted.tuple, &answer);
	error.conn = find(pkt, &answer, &dir);
	if (!error.conn)
		return IPPFVS_PASS;
	/* What goes to Local Node is not rewritten, so no honest error quotes it so. */
	if (dir == IPPFVS_CONN_OUT &&
	    error.conn->method == IPPFVS_METHOD_LOCAL)
		return IPPFVS_PASS;
	if (!intact(pkt))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_ICMP_CHECKSUM);
	if (READ_ONCE(error.conn->real->removed))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_SERVER_REMOVED);
	return dir == IPPFVS_CONN_OUT ? to_client(&error) : to_server(&error);
}
