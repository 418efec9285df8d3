// SPDX-License-Identifier: GPL-2.0
/*
 * An ICMP error quotes the packet that caused it, as that packet was on the wire. The connection is
 * looked up by the reversed five-tuple of the quoted packet, which is that of a reply to it. If the
 * quoted packet was sent to the real server, the error is for the client. If it was sent to the
 * client, the error is for the real server. The headers of the error and of the quoted packet are
 * rewritten to the addresses and ports that the receiver knows.
 */
#include "icmp.h"

#include "conn/table.h"
#include "forward/forward.h"
#include "forward/ingress.h"
#include "forward/nat.h"
#include "forward/route.h"
#include "forward/send.h"
#include "net.h"
#include "service/real.h"

#include <linux/errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netdevice.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/route.h>

/**
 * struct icmp_error - an ICMP error that is being forwarded
 * @pkt: the error
 * @quoted: headers of the packet that it quotes
 * @conn: the connection of the quoted packet
 */
struct icmp_error {
	struct ippfvs_packet *pkt;
	struct ippfvs_wire quoted;
	struct ippfvs_conn *conn;
};

static void reverse_tuple(const struct ippfvs_tuple *tuple, struct ippfvs_tuple *reversed)
{
	*reversed = *tuple;
	reversed->saddr = tuple->daddr;
	reversed->daddr = tuple->saddr;
	reversed->sport = tuple->dport;
	reversed->dport = tuple->sport;
}

static struct ippfvs_conn *lookup_tuple(struct ippfvs_packet *pkt, const struct ippfvs_tuple *tuple,
					enum ippfvs_conn_dir *dir)
{
	u32 hash;

	return ippfvs_conn_lookup(&pkt->ipn->conns, tuple, &hash, dir);
}

/* The checksum is verified, because an error with a wrong one would be sent with a correct one. */
static bool has_valid_checksum(const struct ippfvs_packet *pkt)
{
	if (pkt->hook == IPPFVS_LOCAL_OUT)
		return true;
	if (ippfvs_packet_ipv4(pkt))
		return !nf_ip_checksum(pkt->skb, pkt->hook, pkt->wire.l4, IPPROTO_ICMP);
	return !nf_ip6_checksum(pkt->skb, pkt->hook, pkt->wire.l4, IPPROTO_ICMPV6);
}

/* Compute the checksum of the whole message, because several parts of it have changed. */
static void set_checksum(struct ippfvs_packet *pkt)
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
		icmph->icmp6_cksum = csum_ipv6_magic(&iph->saddr, &iph->daddr, len, IPPROTO_ICMPV6,
						     skb_checksum(skb, l4, len, 0));
	}
}

/* Make all headers that were read private, and provide @headroom bytes for the link layer. */
static bool make_quote_writable(struct ippfvs_packet *pkt, const struct ippfvs_wire *quoted,
				unsigned int headroom)
{
	return !skb_ensure_writable(pkt->skb, pkt->wire.inner + quoted->l4 + quoted->l4_size) &&
	       !skb_cow_head(pkt->skb, headroom);
}

/*
 * In the quoted packet, replace the end that the receiver does not know by the end @known. If
 * @outer is not NULL, replace an address of the error itself by @outer. Then send the error by
 * @dst, whose reference is consumed, or let it pass if @dst is NULL.
 */
static enum ippfvs_verdict rewrite_and_send(struct icmp_error *error, enum ippfvs_conn_end known,
					    const union ippfvs_addr *outer, struct dst_entry *dst)
{
	struct ippfvs_packet *pkt = error->pkt;
	bool source = known == IPPFVS_END_REAL;

	if (dst && ippfvs_packet_ttl_expired(pkt)) {
		dst_release(dst);
		return ippfvs_drop(pkt, IPPFVS_DROP_TTL);
	}
	if (!make_quote_writable(pkt, &error->quoted, dst ? LL_RESERVED_SPACE(dst->dev) : 0)) {
		dst_release(dst);
		return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	}

	if (unlikely(pkt->wire.options))
		ippfvs_packet_complete_options(pkt);
	ippfvs_nat_rewrite_quoted(pkt->skb->data + pkt->wire.inner, &error->quoted, error->conn,
				  known, source);
	if (outer)
		ippfvs_nat_rewrite_addr(skb_network_header(pkt->skb), pkt->wire.tuple.family, outer,
					!source);
	set_checksum(pkt);
	if (!dst)
		return IPPFVS_PASS;

	ippfvs_packet_decrement_ttl(pkt);
	return ippfvs_send(pkt, dst, ippfvs_send_mtu(pkt, dst));
}

/*
 * The client knows only the virtual address, and an error from a private address might not reach
 * it. Therefore the virtual address becomes the source, whichever router has sent the error. An
 * error of the director itself keeps its source.
 */
static enum ippfvs_verdict to_client(struct icmp_error *error)
{
	struct ippfvs_packet *pkt = error->pkt;
	union ippfvs_addr virtual;
	struct dst_entry *dst;

	if (pkt->hook == IPPFVS_LOCAL_OUT)
		return rewrite_and_send(error, IPPFVS_END_VIRTUAL, NULL, NULL);
	if (!ippfvs_ingress_is_known(pkt, error->conn->real) &&
	    !ippfvs_ingress_is_valid(pkt, error->conn->real))
		return ippfvs_drop(pkt, IPPFVS_DROP_WRONG_DEVICE);

	ippfvs_conn_addr(error->conn, IPPFVS_END_VIRTUAL, &virtual);
	if (pkt->hook == IPPFVS_LOCAL_IN)
		return rewrite_and_send(error, IPPFVS_END_VIRTUAL, &virtual, NULL);

	dst = ippfvs_route_to_client(pkt, error->conn);
	if (!dst)
		return ippfvs_drop(pkt, IPPFVS_DROP_ICMP);
	if (ippfvs_route_is_local(dst, error->conn->family)) {
		dst_release(dst);
		return IPPFVS_PASS;
	}
	return rewrite_and_send(error, IPPFVS_END_VIRTUAL, &virtual, dst);
}

static enum ippfvs_verdict to_nat_real(struct icmp_error *error)
{
	struct ippfvs_packet *pkt = error->pkt;
	const struct ippfvs_route *route;

	route = ippfvs_route_to_real(pkt->net, error->conn->real);
	if (!route)
		return ippfvs_drop(pkt, IPPFVS_DROP_ICMP);
	dst_hold(route->dst);
	return rewrite_and_send(error, IPPFVS_END_REAL, &error->conn->real->addr, route->dst);
}

/* The stack finds a UDP socket of a Local Node by the addresses that the socket itself uses. */
static enum ippfvs_verdict to_local_real(struct icmp_error *error)
{
	if (!error->conn->two_way || error->pkt->hook != IPPFVS_LOCAL_IN)
		return IPPFVS_PASS;
	return rewrite_and_send(error, IPPFVS_END_REAL, NULL, NULL);
}

static enum ippfvs_verdict to_real(struct icmp_error *error)
{
	switch (error->conn->method) {
	case IPPFVS_METHOD_NAT:
		return to_nat_real(error);
	case IPPFVS_METHOD_LOCAL:
		return to_local_real(error);
	default:
		return ippfvs_forward_uncounted(error->pkt, error->conn);
	}
}

/* Return: the MTU in a "fragmentation needed" or "packet too big" error, or 0. */
static u32 reported_mtu(const struct ippfvs_packet *pkt)
{
	const u8 *th = pkt->skb->data + pkt->wire.l4;

	if (ippfvs_packet_ipv4(pkt))
		return pkt->wire.icmp_type == ICMP_DEST_UNREACH &&
				       pkt->wire.icmp_code == ICMP_FRAG_NEEDED ?
			       ntohs(((const struct icmphdr *)th)->un.frag.mtu) :
			       0;
	return pkt->wire.icmp_type == ICMPV6_PKT_TOOBIG ?
		       ntohl(((const struct icmp6hdr *)th)->icmp6_mtu) :
		       0;
}

/* Return: true if VS-TUN sent the quoted outer packet for a known connection. */
static bool is_own_tunnel(struct ippfvs_packet *pkt, const struct ippfvs_wire *quoted)
{
	struct ippfvs_wire within;
	const struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	if (ippfvs_packet_read_quoted(pkt, pkt->wire.inner + quoted->inner, &within))
		return false;
	conn = lookup_tuple(pkt, &within.tuple, &dir);
	return conn && dir == IPPFVS_CONN_IN && conn->method == IPPFVS_METHOD_TUN &&
	       conn->real->family == quoted->tuple.family &&
	       ippfvs_addr_equal(&conn->real->addr, &quoted->tuple.daddr);
}

/*
 * Record the path MTU towards a real server of VS-TUN. The director will answer the client's next
 * large packet with an ICMP error of its own, which quotes that packet. An error that quotes only
 * the outer header may be forged, so it is left to the stack.
 */
static enum ippfvs_verdict tunnel_error(struct ippfvs_packet *pkt, const struct ippfvs_wire *quoted)
{
	u32 mtu = reported_mtu(pkt);

	if (pkt->hook != IPPFVS_LOCAL_IN || !mtu || !has_valid_checksum(pkt) ||
	    !is_own_tunnel(pkt, quoted))
		return IPPFVS_PASS;

	/* These functions read the quoted header at skb->data. */
	__skb_pull(pkt->skb, pkt->wire.inner);
	if (ippfvs_packet_ipv4(pkt))
		ipv4_update_pmtu(pkt->skb, pkt->net, mtu, 0, IPPROTO_IPIP);
	else
		ip6_update_pmtu(pkt->skb, pkt->net, htonl(mtu), 0, 0, sock_net_uid(pkt->net, NULL));
	__skb_push(pkt->skb, pkt->wire.inner);
	return IPPFVS_PASS;
}

enum ippfvs_verdict ippfvs_icmp_input(struct ippfvs_packet *pkt)
{
	struct icmp_error error = { .pkt = pkt };
	struct ippfvs_tuple reversed;
	enum ippfvs_conn_dir dir;
	int err;

	err = ippfvs_packet_read_quoted(pkt, pkt->wire.inner, &error.quoted);
	/* The quoted packet may show the address of a real server, which clients must not learn. */
	if (unlikely(err == -ENOMEM))
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_MEMORY);
	if (err || error.quoted.tuple.family != pkt->wire.tuple.family)
		return IPPFVS_PASS;
	if (error.quoted.inner)
		return tunnel_error(pkt, &error.quoted);

	reverse_tuple(&error.quoted.tuple, &reversed);
	error.conn = lookup_tuple(pkt, &reversed, &dir);
	if (!error.conn)
		return IPPFVS_PASS;
	/* Packets to a Local Node are not rewritten, so the quoted packet is forged. */
	if (dir == IPPFVS_CONN_OUT && error.conn->method == IPPFVS_METHOD_LOCAL)
		return IPPFVS_PASS;
	if (!has_valid_checksum(pkt))
		return ippfvs_drop(pkt, IPPFVS_DROP_ICMP_CHECKSUM);
	if (READ_ONCE(error.conn->real->removed))
		return ippfvs_drop(pkt, IPPFVS_DROP_SERVER_REMOVED);
	return dir == IPPFVS_CONN_OUT ? to_client(&error) : to_real(&error);
}
