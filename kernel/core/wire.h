/* SPDX-License-Identifier: GPL-2.0 */
/* Reading of packet headers. The packet is not changed, and no field of it is trusted. */
#ifndef _IPPFVS_CORE_WIRE_H
#define _IPPFVS_CORE_WIRE_H

#include "tuple.h"

/* The reasons for which no five-tuple could be read; returned as negative numbers. */
enum ippfvs_wire_error {
	IPPFVS_WIRE_MALFORMED = 1, /* a length or version field is wrong */
	IPPFVS_WIRE_FRAGMENT,	   /* a fragment */
	IPPFVS_WIRE_OTHER,	   /* neither TCP, UDP nor an ICMP error */
};

#define IPPFVS_WIRE_EXTENSIONS_MAX 8 /* maximum number of IPv6 extension headers */

/* TCP flags in byte 13 of the header (RFC 9293). */
#define IPPFVS_TCP_FIN 0x01
#define IPPFVS_TCP_SYN 0x02
#define IPPFVS_TCP_RST 0x04
#define IPPFVS_TCP_ACK 0x10

/**
 * struct ippfvs_wire - the contents of a packet's headers
 * @tuple: five-tuple; for an ICMP error the ports are 0 and the protocol is IPPROTO_ICMP or
 *	IPPROTO_ICMPV6
 * @length: length of the packet in bytes according to its network header, which is included; for
 *	BIG TCP, whose header has 0, the number of all bytes
 * @l4: offset of the transport header from the network header
 * @l4_size: number of bytes of the transport header that were read: 20 for TCP, 8 for UDP and ICMP;
 *	fewer if a quoted packet is truncated, but at least the ports
 * @inner: offset from the network header to the packet that an ICMP error quotes or that a quoted
 *	tunnel packet contains; otherwise 0
 * @ttl: time to live or hop limit
 * @tos: type of service or traffic class
 * @tcp_flags: byte 13 of a TCP header, otherwise 0
 * @icmp_type: type of an ICMP error, otherwise 0
 * @icmp_code: code of an ICMP error, otherwise 0
 * @options: the packet has IPv4 options or IPv6 extension headers
 * @dont_fragment: DF bit of IPv4; always set for IPv6
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
 * @wire: result, valid if 0 is returned
 * @data: the packet, starting with its network header
 * @avail: number of bytes that may be read at @data
 * @total: number of bytes of the packet as the stack counts them
 *
 * At most @avail bytes are read, whatever the headers claim. Fragments are refused, because the
 * stack reassembles packets first. The checksum of an IPv4 header is not verified, because the
 * stack has verified it.
 *
 * IPv4: the header length is at least 20 and the total length is within @total. IPv6: the payload
 * length is within @total. If @total is more than the length field can hold, and the field is 0,
 * all @total bytes are the packet: BIG TCP, with or without the option for jumbograms. At most
 * IPPFVS_WIRE_EXTENSIONS_MAX hop-by-hop, routing, destination options and atomic fragment headers
 * are skipped. A packet with more of them is OTHER. A packet with AH or ESP is OTHER, too, and so
 * is one with a routing header of type 0 or with segments left, because its destination address is
 * not final. TCP: the data offset is at least 5 and within the packet. UDP: the length is at least
 * 8 and within the packet.
 *
 * ICMP errors are destination unreachable, source quench, time exceeded and parameter problem;
 * ICMPv6 errors are destination unreachable, packet too big, time exceeded and parameter problem.
 * Every other ICMP message is OTHER. This includes redirects, which must not be forwarded.
 *
 * Context: any.
 * Return: 0; or the number of bytes, at most @total, that must be readable at @data before the
 * function is called again; or a negative enum ippfvs_wire_error.
 */
int ippfvs_wire_read(struct ippfvs_wire *wire, const u8 *data, u32 avail, u32 total);

/**
 * ippfvs_wire_read_quoted() - read the headers of a packet that an ICMP error quotes
 * @wire: result, valid if 0 is returned
 * @data: the quoted packet, starting with its network header
 * @avail: number of bytes that may be read at @data
 * @total: number of quoted bytes, usually far fewer than the quoted header claims
 *
 * This function differs from ippfvs_wire_read() as follows. The packet may be truncated anywhere
 * after its ports, so that length fields may exceed @total; missing fields are 0. A length field of
 * 0 means BIG TCP, and the packet then has @total bytes. A first fragment is accepted, a later one
 * is FRAGMENT. ICMP is OTHER, because no error is sent about an error. The protocol may also be
 * IPPROTO_IPIP or IPPROTO_IPV6, for VS-TUN: then the ports and @l4_size are 0, and @l4 and @inner
 * are the offset of the inner packet.
 *
 * Context: any.
 * Return: as for ippfvs_wire_read().
 */
int ippfvs_wire_read_quoted(struct ippfvs_wire *wire, const u8 *data, u32 avail, u32 total);

#endif /* _IPPFVS_CORE_WIRE_H */
