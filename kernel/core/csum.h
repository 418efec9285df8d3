/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internet checksums and their incremental update (RFC 1624, equation 3). The functions are inline,
 * because the length is nearly always a constant.
 */
#ifndef _IPPFVS_CORE_CSUM_H
#define _IPPFVS_CORE_CSUM_H

#include "port.h"

/**
 * ippfvs_csum_sum() - compute the ones' complement sum of bytes
 * @data: the bytes
 * @len: number of bytes
 *
 * The words are read in host byte order. Nevertheless the folded sum has the right bytes when it is
 * stored in host byte order (RFC 1071, section 2B).
 *
 * Context: any.
 * Return: the sum, not folded.
 */
static __always_inline u64 ippfvs_csum_sum(const u8 *data, u32 len)
{
	u64 total = 0;
	u32 quad;
	u16 word;

	for (; len >= sizeof(quad); data += sizeof(quad), len -= sizeof(quad)) {
		memcpy(&quad, data, sizeof(quad));
		total += quad;
	}
	if (len & 2) {
		memcpy(&word, data, sizeof(word));
		total += word;
		data += sizeof(word);
	}
	if (len & 1) {
		word = 0;
		memcpy(&word, data, 1);
		total += word;
	}
	return total;
}

/**
 * ippfvs_csum_fold() - add the carries until 16 bits hold a sum
 * @total: the sum
 *
 * Context: any.
 * Return: the folded sum, which is 0 only if @total is 0.
 */
static __always_inline u16 ippfvs_csum_fold(u64 total)
{
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffff) + (total >> 16);
	return (u16)((total & 0xffff) + (total >> 16));
}

/**
 * ippfvs_csum_update_partial() - update the sum of a pseudo header (CHECKSUM_PARTIAL)
 * @check: the checksum field, which holds the folded sum without complement; network byte order
 * @from: old bytes that the sum covers
 * @to: new bytes in their place
 * @len: number of bytes; even, at an even offset in the covered data
 *
 * Context: any.
 * Return: the new value of the field, network byte order.
 */
static __always_inline u16 ippfvs_csum_update_partial(u16 check, const void *from, const void *to,
						      u32 len)
{
	u16 gone = ~ippfvs_csum_fold(ippfvs_csum_sum(from, len));

	return ippfvs_csum_fold((u64)check + gone + ippfvs_csum_sum(to, len));
}

/**
 * ippfvs_csum_update() - update a checksum after a change of covered bytes
 * @check: the checksum field, network byte order
 * @from: old bytes that the checksum covers
 * @to: new bytes in their place
 * @len: number of bytes; even, at an even offset in the covered data
 *
 * A correct checksum never becomes 0xffff (RFC 1624, section 3). The caller (forward/nat.c) handles
 * UDP, where 0 means that there is no checksum and a computed 0 is sent as 0xffff.
 *
 * Context: any.
 * Return: the new value of the field, network byte order.
 */
static __always_inline u16 ippfvs_csum_update(u16 check, const void *from, const void *to, u32 len)
{
	return ~ippfvs_csum_update_partial(~check, from, to, len);
}

/**
 * ippfvs_csum() - compute an Internet checksum (RFC 1071)
 * @data: bytes of any alignment
 * @len: number of bytes; an odd last byte is padded with zero
 *
 * Context: any.
 * Return: the complemented sum, network byte order.
 */
static __always_inline u16 ippfvs_csum(const void *data, u32 len)
{
	return ~ippfvs_csum_fold(ippfvs_csum_sum(data, len));
}

#endif /* _IPPFVS_CORE_CSUM_H */
