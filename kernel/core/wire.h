/* SPDX-License-Identifier: GPL-2.0 */
/* Reads the headers of a packet once; changes nothing, believes nothing. */
#ifndef _IPPFVS_CORE_WIRE_H
#define _IPPFVS_CORE_WIRE_H

#include "tuple.h"

/* Why a packet has no five-tuple; returned negative. */
enum ippfvs_wire_error {
	IPPFVS_WIRE_MALFORMED = 1,	/* a length or version field lies */
	IPPFVS_WIRE_FRAGMENT,		/* not a whole packet */
	IPPFVS_WIRE_OTHER,		/* neither TCP, UDP nor an ICMP error */
};

#define IPPFVS_WIRE_EXTENSIONS_MAX	8	/* IPv6 headers walked over */

/* TCP flag bits as in byte 13 of the header (RFC 9293). */
#define IPPFVS_TCP_FIN	0x01
#define IPPFVS_TCP_SYN	0x02
#define IPPFVS_TCP_RST	0x04
#define IPPFVS_TCP_ACK	0x10

/**
 * struct ippfvs_wire - what the headers of one packet say
 * @tuple: addresses, ports; an ICMP error has ports 0 and protocol
 *	IPPROTO_ICMP or IPPROTO_ICMPV6
 * @length: bytes of the packet by its own header, network header included
 * @l4: offset of the transport header from the network header
 * @l4_size: bytes of the transport header that were read: TCP 20 (at least),
 *	UDP 8, ICMP 8; a quoted packet may show fewer, at least the ports
 * @inner: ICMP errors (and quoted tunnels): offset of the packet within from
 *	the network header, else 0
 * @ttl: time to live, or hop limit
 * @tos: type of service, or traffic class
 * @tcp_flags: byte 13 of a TCP header, else 0
 * @icmp_type: type of an ICMP error, else 0
 * @icmp_code: code of an ICMP error, else 0
 * @options: the IPv4 header has options, or IPv6 has extension headers
 * @dont_fragment: IPv4 DF; always set for IPv6
 */
struct ippfvs_wire {
	struct ippfvs_tuple tuple;
	u32 length;
	u16 l4;
	u16 l4_size;
	u16 inner;
	u8 ttl;
	u8 tos;
	u8 tcp_flags;
	u8 icmp_type;
	u8 icmp_code;
	bool options;
	bool dont_fragment;
};

/**
 * ippfvs_wire_read() - read the headers of a packet
 * @wire: filled when 0 is returned
 * @data: the packet from its network header on
 * @avail: how many bytes may be read at @data
 * @total: how many bytes the packet has in all, as the stack counts them
 *
 * Reads at most @avail bytes, whatever the headers claim. Fragments (any but a
 * whole packet) are refused: the stack puts them together before us. The
 * checksum of an IPv4 header is not examined: the stack has done so.
 *
 * Version 4 or 6, else MALFORMED. IPv4: ihl >= 5, total length within @total
 * and not less than the header. IPv6: payload length within @total (jumbograms
 * are MALFORMED); walks at most IPPFVS_WIRE_EXTENSIONS_MAX of hop-by-hop,
 * routing, destination options and an atomic fragment header (offset 0, no
 * more fragments: passed over); a routing header of type 0 or with segments
 * left is OTHER: its destination is not final. AH and ESP are OTHER, and so is
 * one extension header too many. TCP: data offset >= 5 and within the packet.
 * UDP: length field >= 8 and within the packet (0 is allowed for neither
 * family: no jumbograms).
 *
 * ICMP errors are destination unreachable, source quench, time exceeded,
 * parameter problem; ICMPv6 destination unreachable, packet too big, time
 * exceeded, parameter problem. Every other ICMP message is OTHER, also a
 * redirect, which is never ours to forward.
 *
 * Return: 0 when read; n > 0 when n bytes must be readable at @data (n >
 * @avail, n <= @total): make them so and call again; or a negative enum
 * ippfvs_wire_error.
 */
int ippfvs_wire_read(struct ippfvs_wire *wire, const u8 *data, u32 avail,
		     u32 total);

/**
 * ippfvs_wire_read_quoted() - read the packet that an ICMP error quotes
 * @wire: filled when 0 is returned; @l4_size tells how much of the transport
 *	header is there: 4 (ports only) up to the whole
 * @data: the quoted packet from its network header on
 * @avail: bytes that may be read at @data
 * @total: bytes of the quote, usually far fewer than the quoted header claims
 *
 * As ippfvs_wire_read(), but the packet may be cut short anywhere after its
 * ports, so length fields may exceed @total; a first fragment is accepted, a
 * later one is IPPFVS_WIRE_FRAGMENT. Fields that were cut away are 0. ICMP is
 * OTHER: nobody sends an error about an error. The protocol may also be
 * IPPROTO_IPIP or IPPROTO_IPV6 (a tunnel of ours): ports and @l4_size are 0,
 * @l4 and @inner are the offset of the packet within.
 *
 * Return: as ippfvs_wire_read().
 */
int ippfvs_wire_read_quoted(struct ippfvs_wire *wire, const u8 *data, u32 avail,
			    u32 total);

#endif /* _IPPFVS_CORE_WIRE_H */
