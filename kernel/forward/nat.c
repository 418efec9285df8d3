// SPDX-License-Identifier: GPL-2.0
/*
 * VS-NAT: the packet is rewritten on its way to the real server, the reply on its way back. Every
 * packet of VS-NAT passes here, so the functions that rewrite are inlined.
 */
#include "nat.h"

#include "../core/csum.h"
#include "send.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/dst.h>

/* Rewriting */

static __always_inline u16 update(u16 check, const void *from, const void *to, u32 len,
				  bool partial)
{
	return partial ? ippfvs_csum_update_partial(check, from, to, len) :
			 ippfvs_csum_update(check, from, to, len);
}

/* The lengths are constants, so that the compiler unrolls the sum. */
static __always_inline u16 update_addr(u16 check, u8 family, const void *from, const void *to,
				       bool partial)
{
	return family == IPPFVS_FAMILY_IPV4 ?
		       update(check, from, to, sizeof(__be32), partial) :
		       update(check, from, to, sizeof(struct in6_addr), partial);
}

/*
 * Return: the transport checksum, or NULL if there is none, because a quoted packet ends before it
 * or because the UDP sender did not compute it.
 */
static __always_inline u16 *checksum_field(u8 *th, const struct ippfvs_wire *wire)
{
	u32 offset = wire->tuple.protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check) :
							   offsetof(struct udphdr, check);
	u16 *check = (u16 *)(th + offset);

	if (wire->l4_size < offset + sizeof(*check))
		return NULL;
	if (wire->tuple.protocol == IPPROTO_UDP && !*check)
		return NULL;
	return check;
}

/* The transport checksum covers the addresses and, unless it is partial, the ports. */
static __always_inline void rewrite_port(u8 *th, const struct ippfvs_wire *wire, const void *addr,
					 __be16 new_port, bool source, bool partial)
{
	const union ippfvs_addr *old = source ? &wire->tuple.saddr : &wire->tuple.daddr;
	__be16 *port = (__be16 *)th + (source ? 0 : 1);
	u16 *check = checksum_field(th, wire);
	u16 sum;

	if (check) {
		sum = update_addr(*check, wire->tuple.family, old, addr, partial);
		if (!partial)
			sum = ippfvs_csum_update(sum, port, &new_port, sizeof(*port));
		if (wire->tuple.protocol == IPPROTO_UDP && !sum)
			sum = (__force u16)CSUM_MANGLED_0;
		*check = sum;
	}
	*port = new_port;
}

/* The IPv4 header has a checksum of its own; the IPv6 header has none. */
static __always_inline void rewrite_addr(u8 *nh, u8 family, const void *addr, bool source)
{
	if (family == IPPFVS_FAMILY_IPV4) {
		struct iphdr *iph = (struct iphdr *)nh;
		__be32 *field = source ? &iph->saddr : &iph->daddr;

		iph->check = (__force __sum16)ippfvs_csum_update((__force u16)iph->check, field,
								 addr, sizeof(*field));
		*field = *(const __be32 *)addr;
	} else {
		struct ipv6hdr *iph = (struct ipv6hdr *)nh;

		*(source ? &iph->saddr : &iph->daddr) = *(const struct in6_addr *)addr;
	}
}

/*
 * The address is read in place. A copy would be slow, because wide loads would have to wait for
 * narrow stores.
 */
static __always_inline void rewrite(u8 *nh, const struct ippfvs_wire *wire,
				    const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
				    bool source, bool partial)
{
	u8 family = wire->tuple.family;
	const void *addr = family == IPPFVS_FAMILY_IPV4 ? (const void *)&conn->ip[end] :
							  (const void *)&conn->ip6[end];

	rewrite_port(nh + wire->l4, wire, addr, conn->port[end], source, partial);
	rewrite_addr(nh, family, addr, source);
}

/*
 * Rewrite only the port of the client: to the port that the real server knows (@local), or to the
 * client's own one.
 */
static noinline void rewrite_client(u8 *nh, const struct ippfvs_wire *wire,
				    const struct ippfvs_conn *conn, bool local, bool source,
				    bool partial)
{
	__be16 port = local ? conn->local_port : conn->port[IPPFVS_END_CLIENT];

	rewrite_port(nh + wire->l4, wire, source ? &wire->tuple.saddr : &wire->tuple.daddr, port,
		     source, partial);
}

void ippfvs_nat_rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr, bool source)
{
	rewrite_addr(nh, family, addr, source);
}

void ippfvs_nat_rewrite_quoted(u8 *nh, const struct ippfvs_wire *quoted,
			       const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
			       bool source)
{
	rewrite(nh, quoted, conn, end, source, false);
	if (unlikely(ippfvs_conn_translates_client(conn)))
		rewrite_client(nh, quoted, conn, end == IPPFVS_END_REAL, !source, false);
}

/*
 * Return: true if the checksum of this header is partial. In a packet of a tunnel device, the
 * partial checksum may be that of the inner header, while that of the outer header is complete.
 */
static __always_inline bool is_partial(const struct sk_buff *skb, const struct ippfvs_wire *wire)
{
	return skb->ip_summed == CHECKSUM_PARTIAL &&
	       (skb_is_gso(skb) || skb_checksum_start_offset(skb) == wire->l4);
}

static __always_inline void rewrite_skb(struct sk_buff *skb, const struct ippfvs_wire *wire,
					const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
					bool source)
{
	rewrite(skb_network_header(skb), wire, conn, end, source, is_partial(skb, wire));
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE; /* skb->csum is the sum of the old bytes */
}

static __always_inline void rewrite_dest(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	rewrite_skb(pkt->skb, &pkt->wire, conn, IPPFVS_END_REAL, false);
}

static __always_inline void rewrite_source(struct ippfvs_packet *pkt,
					   const struct ippfvs_conn *conn)
{
	rewrite_skb(pkt->skb, &pkt->wire, conn, IPPFVS_END_VIRTUAL, true);
}

/* After the other end of the packet was rewritten. */
static void rewrite_client_skb(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn,
			       bool to_real)
{
	rewrite_client(skb_network_header(pkt->skb), &pkt->wire, conn, to_real, to_real,
		       is_partial(pkt->skb, &pkt->wire));
}

/* Forwarding */

enum ippfvs_verdict ippfvs_nat_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	enum ippfvs_verdict verdict;
	struct ippfvs_path path;

	verdict = ippfvs_path_open(pkt, conn->real, 0, &path);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;

	rewrite_dest(pkt, conn);
	if (unlikely(ippfvs_conn_translates_client(conn)))
		rewrite_client_skb(pkt, conn, true);
	return ippfvs_send_noref(pkt, path.route->dst, path.mtu);
}

enum ippfvs_verdict ippfvs_nat_reply(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn,
				     struct dst_entry *dst)
{
	enum ippfvs_verdict verdict;
	u32 mtu;

	if (!dst) {
		if (!ippfvs_packet_writable(pkt, 0))
			return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
		rewrite_source(pkt, conn);
		if (unlikely(ippfvs_conn_translates_client(conn)))
			rewrite_client_skb(pkt, conn, false);
		return IPPFVS_PASS;
	}

	mtu = ippfvs_send_mtu(pkt, dst);
	verdict = ippfvs_send_prepare(pkt, dst, mtu, 0);
	if (unlikely(verdict != IPPFVS_PASS)) {
		dst_release(dst);
		return verdict;
	}

	rewrite_source(pkt, conn);
	if (unlikely(ippfvs_conn_translates_client(conn)))
		rewrite_client_skb(pkt, conn, false);
	return ippfvs_send(pkt, dst, mtu);
}
