// SPDX-License-Identifier: GPL-2.0
#include "bucket.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

struct ippfvs_buckets *ippfvs_buckets_create(unsigned int bits)
{
	struct ippfvs_buckets *buckets;

	BUILD_BUG_ON(sizeof(struct ippfvs_bucket) != 8 * sizeof(long));

	buckets = kzalloc(sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return NULL;

	buckets->bits = bits;
	buckets->bucket = kvcalloc(1UL << bits, sizeof(*buckets->bucket),
				   GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (!buckets->bucket) {
		kfree(buckets);
		return NULL;
	}
	return buckets;
}

void ippfvs_buckets_destroy(struct ippfvs_buckets *buckets)
{
	unsigned long i;

	for (i = 0; i < 1UL << buckets->bits; i++) {
		struct ippfvs_bucket *overflow, *bucket = &buckets->bucket[i];

		bucket = rcu_dereference_raw(bucket->overflow);
		for (; bucket; bucket = overflow) {
			overflow = rcu_dereference_raw(bucket->overflow);
			kfree(bucket);
		}
		cond_resched();
	}
	kvfree(buckets->bucket);
	kfree(buckets);
}

int ippfvs_buckets_add(struct ippfvs_buckets *buckets, u32 hash, unsigned long slot)
{
	struct ippfvs_bucket *bucket = ippfvs_bucket(buckets, hash);
	struct ippfvs_bucket *overflow;
	u32 length = 0;
	int i;

	for (;;) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++)
			if (!bucket->slot[i])
				goto out_store;
		length++;
		overflow = rcu_dereference_raw(bucket->overflow);
		if (!overflow)
			break;
		bucket = overflow;
	}

	if (length >= IPPFVS_BUCKET_CHAIN_MAX)
		return -ENOSPC;
	overflow = kzalloc(sizeof(*overflow), GFP_ATOMIC | __GFP_NOWARN);
	if (!overflow)
		return -ENOMEM;
	if (length == 1)
		atomic_inc(&buckets->overfull);
	rcu_assign_pointer(bucket->overflow, overflow);
	bucket = overflow;
	i = 0;
out_store:
	/* A reader that sees the slot also sees the whole entry: pairs with its READ_ONCE(). */
	smp_store_release(&bucket->slot[i], slot);
	return 0;
}

bool ippfvs_buckets_remove(struct ippfvs_buckets *buckets, u32 hash, unsigned long slot)
{
	struct ippfvs_bucket *bucket;
	int i;

	ippfvs_bucket_for_each(bucket, ippfvs_bucket(buckets, hash)) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
			if (bucket->slot[i] != slot)
				continue;
			WRITE_ONCE(bucket->slot[i], 0);
			return true;
		}
	}
	return false;
}
