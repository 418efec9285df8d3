/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Incremental Internet checksums (RFC 1624, equation 3). All inline: the length
 * is nearly always a constant, and then little is left of them.
 */
#ifndef _IPPFVS_CORE_CSUM_H
#define _IPPFVS_CORE_CSUM_H

#include "port.h"

/*
 * The ones' complement sum of a run of bytes, not folded. Words are taken in
 * the machine's own order: the sum then is in it too, and storing it back puts
 * the bytes right (RFC 1071, section 2B).
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

/* Carries go round until 16 bits hold the sum; only zero folds to zero. */
static __always_inline u16 ippfvs_csum_fold(u64 total)
{
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffff) + (total >> 16);
	return (u16)((total & 0xffff) + (total >> 16));
}

/**
 * ippfvs_csum_update_partial() - ippfvs_csum_update() for a field that holds the
 * folded, not complemented sum of the pseudo header (CHECKSUM_PARTIAL)
 * @check: the field as in the packet, network byte order
 * @from: the covered bytes as they were
 * @to: the same bytes as they are now
 * @len: how many; even, and at an even offset in the covered data
 *
 * Return: the new field.
 */
static __always_inline u16 ippfvs_csum_update_partial(u16 check, const void *from,
					     const void *to, u32 len)
{
	u16 gone = ~ippfvs_csum_fold(ippfvs_csum_sum(from, len));

	return ippfvs_csum_fold((u64)check + gone + ippfvs_csum_sum(to, len));
}

/**
 * ippfvs_csum_update() - a checksum field after some covered words changed
 * @check: the field as in the packet, network byte order
 * @from: the covered bytes as they were
 * @to: the same bytes as they are now
 * @len: how many; even, and at an even offset in the covered data
 *
 * Never yields 0xffff from a sum that was right (RFC 1624, section 3). The UDP
 * rule that a computed zero is sent as 0xffff, and that zero means "none", is
 * the caller's.
 *
 * Return: the new field.
 */
static __always_inline u16 ippfvs_csum_update(u16 check, const void *from,
				     const void *to, u32 len)
{
	return ~ippfvs_csum_update_partial(~check, from, to, len);
}

/**
 * ippfvs_csum() - the Internet checksum of a run of bytes (RFC 1071)
 * @data: the bytes, of any alignment
 * @len: how many; an odd last byte is padded with zero
 *
 * Return: the complemented sum as it stands in a packet.
 */
static __always_inline u16 ippfvs_csum(const void *data, u32 len)
{
	return ~ippfvs_csum_fold(ippfvs_csum_sum(data, len));
}

#endif /* _IPPFVS_CORE_CSUM_H */
