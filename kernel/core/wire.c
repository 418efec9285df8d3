// SPDX-License-Identifier: GPL-2.0
#include "wire.h"

#define IPV4_HEADER    20
#define IPV6_HEADER    40
#define EXTENSION_UNIT 8 /* unit of the length of IPv6 extension headers */
#define TCP_HEADER     20
#define UDP_HEADER     8
#define ICMP_HEADER    8
#define PORTS	       4u      /* TCP and UDP headers begin with the ports */
#define LENGTH_MAX     0xffffu /* the largest value of a length field */

#define IPV4_DONT_FRAGMENT   0x4000
#define IPV4_MORE_FRAGMENTS  0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_MORE_FRAGMENTS  0x0001
#define IPV6_FRAGMENT_OFFSET 0xfff8

/* The state of reading a packet. */
struct reading {
	const u8 *data;
	u32 avail; /* bytes that may be read */
	u32 end;   /* length of the packet, which may exceed @avail */
	bool quoted;
};

static u16 be16_at(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

/* Return: 0 if the first @n bytes can be read, else the return value of ippfvs_wire_read(). */
static __always_inline int need(const struct reading *r, u32 n)
{
	if (n > r->end)
		return -IPPFVS_WIRE_MALFORMED;
	return n > r->avail ? (int)n : 0;
}

/* Return: true if a length field exceeds the packet, except for a truncated quoted packet. */
static __always_inline bool exceeds(const struct reading *r, u32 claimed)
{
	return !r->quoted && claimed > r->end;
}

/*
 * Compute the length of a packet: @fixed bytes plus the value of the length field, @stated. The
 * field of BIG TCP is 0, because the length does not fit; all bytes then belong to the packet.
 */
static __always_inline u32 packet_length(const struct reading *r, u32 fixed, u16 stated)
{
	if (!stated && (r->quoted || r->end > fixed + LENGTH_MAX))
		return r->end;
	return fixed + stated;
}

/* A quoted packet may be the first fragment, which has the ports. */
static __always_inline bool refused_fragment(const struct reading *r, bool offset, bool more)
{
	return offset || (more && !r->quoted);
}

static __always_inline void read_addr4(union ippfvs_addr *addr, const u8 *ip)
{
	ippfvs_addr_clear(addr);
	memcpy(&addr->ip, ip, sizeof(addr->ip));
}

static __always_inline int read_ipv4(struct ippfvs_wire *wire, struct reading *r)
{
	const u8 *ip = r->data;
	u16 fragment;
	int err;

	err = need(r, IPV4_HEADER);
	if (err)
		return err;

	wire->tuple.family = IPPFVS_FAMILY_IPV4;
	wire->tuple.protocol = ip[9];
	read_addr4(&wire->tuple.saddr, ip + 12);
	read_addr4(&wire->tuple.daddr, ip + 16);
	wire->l4 = (ip[0] & 0x0f) * 4;
	wire->length = packet_length(r, 0, be16_at(ip + 2));
	wire->tos = ip[1];
	wire->ttl = ip[8];
	wire->options = wire->l4 > IPV4_HEADER;

	if (wire->l4 < IPV4_HEADER || wire->length < wire->l4 || exceeds(r, wire->length))
		return -IPPFVS_WIRE_MALFORMED;
	r->end = min(r->end, wire->length);

	fragment = be16_at(ip + 6);
	wire->dont_fragment = fragment & IPV4_DONT_FRAGMENT;
	if (refused_fragment(r, fragment & IPV4_FRAGMENT_OFFSET, fragment & IPV4_MORE_FRAGMENTS))
		return -IPPFVS_WIRE_FRAGMENT;
	return 0;
}

static bool is_extension(u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static u32 extension_size(u8 protocol, const u8 *extension)
{
	if (protocol == IPPROTO_FRAGMENT)
		return EXTENSION_UNIT;
	return (extension[1] + 1) * EXTENSION_UNIT;
}

static int check_extension(const struct reading *r, u8 protocol, const u8 *extension)
{
	u16 fragment;

	switch (protocol) {
	case IPPROTO_ROUTING:
		/* Type 0 is deprecated (RFC 5095). If segments are left, daddr is not final. */
		if (extension[2] == 0 || extension[3] != 0)
			return -IPPFVS_WIRE_OTHER;
		return 0;
	case IPPROTO_FRAGMENT:
		fragment = be16_at(extension + 2);
		if (refused_fragment(r, fragment & IPV6_FRAGMENT_OFFSET,
				     fragment & IPV6_MORE_FRAGMENTS))
			return -IPPFVS_WIRE_FRAGMENT;
		return 0;
	default:
		return 0;
	}
}

/* Find the transport header after the extension headers. */
static int skip_extensions(struct ippfvs_wire *wire, const struct reading *r)
{
	u8 protocol = r->data[6];
	u32 at = IPV6_HEADER;
	unsigned int skipped;
	int err;

	for (skipped = 0; is_extension(protocol); skipped++) {
		const u8 *extension = r->data + at;

		if (skipped == IPPFVS_WIRE_EXTENSIONS_MAX)
			return -IPPFVS_WIRE_OTHER;
		err = need(r, at + EXTENSION_UNIT);
		if (err)
			return err;
		at += extension_size(protocol, extension);
		if (at > r->end)
			return -IPPFVS_WIRE_MALFORMED;
		err = check_extension(r, protocol, extension);
		if (err)
			return err;
		protocol = extension[0];
	}

	wire->tuple.protocol = protocol;
	wire->l4 = (u16)at;
	wire->options = skipped > 0;
	return 0;
}

static int read_ipv6(struct ippfvs_wire *wire, struct reading *r)
{
	const u8 *ip = r->data;
	int err;

	err = need(r, IPV6_HEADER);
	if (err)
		return err;

	wire->tuple.family = IPPFVS_FAMILY_IPV6;
	memcpy(&wire->tuple.saddr, ip + 8, sizeof(wire->tuple.saddr));
	memcpy(&wire->tuple.daddr, ip + 24, sizeof(wire->tuple.daddr));
	wire->length = packet_length(r, IPV6_HEADER, be16_at(ip + 4));
	wire->tos = (u8)(ip[0] << 4 | ip[1] >> 4);
	wire->ttl = ip[7];
	wire->dont_fragment = true;

	if (exceeds(r, wire->length))
		return -IPPFVS_WIRE_MALFORMED;
	r->end = min(r->end, wire->length);
	return skip_extensions(wire, r);
}

/* Require the whole transport header, or the part of it that a quoted packet has. */
static __always_inline int need_transport(struct ippfvs_wire *wire, const struct reading *r,
					  u32 whole)
{
	u32 size = whole;

	if (r->quoted && r->end >= wire->l4 + PORTS)
		size = min(whole, r->end - wire->l4);
	wire->l4_size = (u16)size;
	return need(r, wire->l4 + size);
}

static void read_ports(struct ippfvs_wire *wire, const u8 *transport)
{
	memcpy(&wire->tuple.sport, transport, sizeof(wire->tuple.sport));
	memcpy(&wire->tuple.dport, transport + 2, sizeof(wire->tuple.dport));
}

static __always_inline int read_tcp(struct ippfvs_wire *wire, const struct reading *r)
{
	const u8 *tcp = r->data + wire->l4;
	u32 header;
	int err;

	err = need_transport(wire, r, TCP_HEADER);
	if (err)
		return err;

	read_ports(wire, tcp);
	if (wire->l4_size > 12) {
		header = (tcp[12] >> 4) * 4;
		if (header < TCP_HEADER || exceeds(r, wire->l4 + header))
			return -IPPFVS_WIRE_MALFORMED;
	}
	if (wire->l4_size > 13)
		wire->tcp_flags = tcp[13];
	return 0;
}

static __always_inline int read_udp(struct ippfvs_wire *wire, const struct reading *r)
{
	const u8 *udp = r->data + wire->l4;
	u16 length;
	int err;

	err = need_transport(wire, r, UDP_HEADER);
	if (err)
		return err;

	read_ports(wire, udp);
	if (wire->l4_size > 5) {
		length = be16_at(udp + 4);
		if (length < UDP_HEADER || exceeds(r, wire->l4 + length))
			return -IPPFVS_WIRE_MALFORMED;
	}
	return 0;
}

static bool is_icmp_error(u8 type)
{
	switch (type) {
	case 3:	 /* destination unreachable */
	case 4:	 /* source quench */
	case 11: /* time exceeded */
	case 12: /* parameter problem */
		return true;
	default:
		return false;
	}
}

static bool is_icmpv6_error(u8 type)
{
	switch (type) {
	case 1: /* destination unreachable */
	case 2: /* packet too big */
	case 3: /* time exceeded */
	case 4: /* parameter problem */
		return true;
	default:
		return false;
	}
}

static int read_icmp(struct ippfvs_wire *wire, const struct reading *r)
{
	const u8 *icmp = r->data + wire->l4;
	int err;

	err = need_transport(wire, r, ICMP_HEADER);
	if (err)
		return err;

	if (wire->tuple.family == IPPFVS_FAMILY_IPV4 ? !is_icmp_error(icmp[0]) :
						       !is_icmpv6_error(icmp[0]))
		return -IPPFVS_WIRE_OTHER;
	wire->icmp_type = icmp[0];
	wire->icmp_code = icmp[1];
	wire->inner = wire->l4 + ICMP_HEADER;
	return 0;
}

static u8 icmp_of(u8 family)
{
	return family == IPPFVS_FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static __always_inline int read_transport(struct ippfvs_wire *wire, const struct reading *r)
{
	switch (wire->tuple.protocol) {
	case IPPROTO_TCP:
		return read_tcp(wire, r);
	case IPPROTO_UDP:
		return read_udp(wire, r);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (r->quoted || wire->tuple.protocol != icmp_of(wire->tuple.family))
			return -IPPFVS_WIRE_OTHER;
		return read_icmp(wire, r);
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		if (!r->quoted)
			return -IPPFVS_WIRE_OTHER;
		wire->inner = wire->l4;
		return need(r, wire->l4);
	default:
		return -IPPFVS_WIRE_OTHER;
	}
}

static __always_inline int read_network(struct ippfvs_wire *wire, struct reading *r)
{
	int err;

	err = need(r, 1);
	if (err)
		return err;

	switch (r->data[0] >> 4) {
	case 4:
		return read_ipv4(wire, r);
	case 6:
		return read_ipv6(wire, r);
	default:
		return -IPPFVS_WIRE_MALFORMED;
	}
}

/* Clear the fields that are not set for every packet. Clearing the whole structure is slower. */
static __always_inline void clear_optional(struct ippfvs_wire *wire)
{
	wire->tuple.sport = 0;
	wire->tuple.dport = 0;
	wire->l4_size = 0;
	wire->inner = 0;
	wire->tcp_flags = 0;
	wire->icmp_type = 0;
	wire->icmp_code = 0;
}

/* This function is inlined into both callers, in which r->quoted is a constant. */
static __always_inline int read_packet(struct ippfvs_wire *wire, struct reading *r)
{
	int err;

	clear_optional(wire);
	err = read_network(wire, r);
	if (err)
		return err;
	return read_transport(wire, r);
}

int ippfvs_wire_read(struct ippfvs_wire *wire, const u8 *data, u32 avail, u32 total)
{
	struct reading r = { .data = data, .avail = avail, .end = total };

	return read_packet(wire, &r);
}

int ippfvs_wire_read_quoted(struct ippfvs_wire *wire, const u8 *data, u32 avail, u32 total)
{
	struct reading r = {
		.data = data,
		.avail = avail,
		.end = total,
		.quoted = true,
	};

	return read_packet(wire, &r);
}
