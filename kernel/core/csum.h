/* SPDX-License-Identifier: GPL-2.0 */
/* Incremental Internet checksums (RFC 1624, equation 3). */
#ifndef _IPPFVS_CORE_CSUM_H
#define _IPPFVS_CORE_CSUM_H

#include "port.h"

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
u16 ippfvs_csum_update(u16 check, const void *from, const void *to, u32 len);

/**
 * ippfvs_csum_update_partial() - the same for a field that holds the folded,
 * not complemented sum of the pseudo header (CHECKSUM_PARTIAL)
 * @check: the field as in the packet, network byte order
 * @from: the covered bytes as they were
 * @to: the same bytes as they are now
 * @len: how many; even, and at an even offset in the covered data
 *
 * Return: the new field.
 */
u16 ippfvs_csum_update_partial(u16 check, const void *from, const void *to,
			       u32 len);

/**
 * ippfvs_csum() - the Internet checksum of a run of bytes (RFC 1071)
 * @data: the bytes, of any alignment
 * @len: how many; an odd last byte is padded with zero
 *
 * Return: the complemented sum as it stands in a packet.
 */
u16 ippfvs_csum(const void *data, u32 len);

#endif /* _IPPFVS_CORE_CSUM_H */
