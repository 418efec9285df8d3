// SPDX-License-Identifier: GPL-2.0
#include "csum.h"

/*
 * The ones' complement sum of a run of bytes, not folded. Words are taken in
 * the machine's own order: the sum then is in it too, and storing it back puts
 * the bytes right (RFC 1071, section 2B).
 */
static u64 sum(const u8 *data, u32 len)
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
static u16 fold(u64 total)
{
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffff) + (total >> 16);
	return (u16)((total & 0xffff) + (total >> 16));
}

u16 ippfvs_csum_update_partial(u16 check, const void *from, const void *to,
			       u32 len)
{
	u16 gone = ~fold(sum(from, len));

	return fold((u64)check + gone + sum(to, len));
}

u16 ippfvs_csum_update(u16 check, const void *from, const void *to, u32 len)
{
	return ~ippfvs_csum_update_partial(~check, from, to, len);
}

u16 ippfvs_csum(const void *data, u32 len)
{
	return ~fold(sum(data, len));
}
