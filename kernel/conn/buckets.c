// SPDX-License-Identifier: GPL-2.0
#include "buckets.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

struct ippfvs_buckets *ippfvs_buckets_alloc(unsigned int bits)
{
	struct ippfvs_buckets *buckets;

	BUILD_BUG_ON(sizeof(struct ippfvs_line) != 8 * sizeof(long));

	buckets = kzalloc(sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return NULL;

	/* Accounted to who makes the table; when it grows, its worker is nobody. */
	buckets->bits = bits;
	buckets->line = kvcalloc(1UL << bits, sizeof(*buckets->line),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
				 __GFP_RETRY_MAYFAIL);
	if (!buckets->line) {
		kfree(buckets);
		return NULL;
	}
	return buckets;
}

/* No reader is left, or ever was. */
void ippfvs_buckets_free(struct ippfvs_buckets *buckets)
{
	unsigned long i;

	for (i = 0; i < 1UL << buckets->bits; i++) {
		struct ippfvs_line *more, *line = &buckets->line[i];

		line = rcu_dereference_raw(line->more);
		for (; line; line = more) {
			more = rcu_dereference_raw(line->more);
			kfree(line);
		}
		cond_resched();
	}
	kvfree(buckets->line);
	kfree(buckets);
}

/*
 * Fills the first free place. A reader that misses the new link has come too
 * early.
 */
int ippfvs_buckets_add(struct ippfvs_buckets *buckets, u32 hash,
		       unsigned long link)
{
	struct ippfvs_line *line = ippfvs_buckets_line(buckets, hash);
	struct ippfvs_line *more;
	u32 lines = 0;
	int i;

	for (;;) {
		for (i = 0; i < IPPFVS_LINKS; i++)
			if (!line->link[i])
				goto out_link;
		lines++;
		more = rcu_dereference_raw(line->more);
		if (!more)
			break;
		line = more;
	}

	if (lines >= IPPFVS_LINES_MAX)
		return -ENOSPC;
	more = kzalloc(sizeof(*more), GFP_ATOMIC | __GFP_NOWARN);
	if (!more)
		return -ENOMEM;
	if (lines == 1)
		atomic_inc(&buckets->crowded);
	rcu_assign_pointer(line->more, more);
	line = more;
	i = 0;
out_link:
	/* Who sees the link sees the entry whole: pairs with READ_ONCE() of readers. */
	smp_store_release(&line->link[i], link);
	return 0;
}

bool ippfvs_buckets_del(struct ippfvs_buckets *buckets, u32 hash,
			unsigned long link)
{
	struct ippfvs_line *line;
	int i;

	ippfvs_for_each_own_line(line, ippfvs_buckets_line(buckets, hash)) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			if (line->link[i] != link)
				continue;
			WRITE_ONCE(line->link[i], 0);
			return true;
		}
	}
	return false;
}
