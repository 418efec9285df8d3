/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of a namespace's rules, and readers that tell whether they saw part of one:
 * a sequence count. It is not the kernel's own, since who changes rules may sleep.
 */
#ifndef _IPPFVS_CHANGE_H
#define _IPPFVS_CHANGE_H

#include <linux/types.h>

struct ippfvs_net;

/*
 * Around every change, until what was removed has left its counters to what stays.
 * The namespace's lock; not nested.
 */
void ippfvs_change_begin(struct ippfvs_net *ipn);
void ippfvs_change_end(struct ippfvs_net *ipn);

/* Before rules are read: how many beginnings and ends there were; odd: amid one. */
u32 ippfvs_change_count(const struct ippfvs_net *ipn);

/**
 * struct ippfvs_look - a look at rules and counters
 * @count: of changes when it began
 * @torn: how often there was a change meanwhile
 *
 * Zeroed; begin, look, and as long as again() says so once more. Waits for no writer
 * before one or the other has changed something under it three times; then it looks
 * under the lock. May sleep.
 */
struct ippfvs_look {
	u32 count;
	u32 torn;
};

void ippfvs_look_begin(struct ippfvs_net *ipn, struct ippfvs_look *look);
bool ippfvs_look_again(struct ippfvs_net *ipn, struct ippfvs_look *look);

#endif /* _IPPFVS_CHANGE_H */
