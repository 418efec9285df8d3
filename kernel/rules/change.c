// SPDX-License-Identifier: GPL-2.0
#include "change.h"
#include "../net.h"

/* Without the lock. */
#define LOOKS	3

void ippfvs_change_begin(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	WRITE_ONCE(ipn->changes, ipn->changes + 1);
	smp_wmb();	/* odd before anything new is seen; ippfvs_look_again() */
}

void ippfvs_change_end(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	/* All of the change before even again; ippfvs_change_count() */
	smp_store_release(&ipn->changes, ipn->changes + 1);
}

u32 ippfvs_change_count(const struct ippfvs_net *ipn)
{
	/* Before anything is read; pairs with ippfvs_change_end() */
	return smp_load_acquire(&ipn->changes);
}

void ippfvs_look_begin(struct ippfvs_net *ipn, struct ippfvs_look *look)
{
	if (look->torn == LOOKS)
		mutex_lock(&ipn->lock);
	else
		look->count = ippfvs_change_count(ipn);
}

bool ippfvs_look_again(struct ippfvs_net *ipn, struct ippfvs_look *look)
{
	if (look->torn == LOOKS) {
		mutex_unlock(&ipn->lock);
		return false;
	}

	smp_rmb();	/* after all was read; pairs with ippfvs_change_begin() */
	if (!(look->count & 1) && READ_ONCE(ipn->changes) == look->count)
		return false;
	look->torn++;
	return true;
}
