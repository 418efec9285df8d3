/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sequence count of the changes of a namespace's services.
 *
 * A reader that must not see half of a change compares the count before and after it
 * reads. The kernel's seqcount_t is not used, because its readers would spin while a
 * writer sleeps within a change.
 */
#ifndef _IPPFVS_CHANGE_H
#define _IPPFVS_CHANGE_H

#include "../net.h"

/**
 * ippfvs_change_begin() - begin a change of the services
 * @ipn: the namespace
 *
 * Before a change ends, the counters of the services and real servers that it removed
 * are added to those of the service or the namespace. Changes do not nest.
 *
 * Context: process context; the caller holds ipn->lock and may sleep until
 * ippfvs_change_end().
 */
static inline void ippfvs_change_begin(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	WRITE_ONCE(ipn->changes, ipn->changes + 1);
	smp_wmb(); /* the count is odd before the change; pairs with ippfvs_read_retry() */
}

/**
 * ippfvs_change_end() - end a change of the services
 * @ipn: the namespace
 *
 * Context: process context; the caller holds ipn->lock.
 */
static inline void ippfvs_change_end(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	/* The whole change is visible before the even count; pairs with ippfvs_read_begin() */
	smp_store_release(&ipn->changes, ipn->changes + 1);
}

/**
 * ippfvs_read_begin() - get the count before the services are read
 * @ipn: the namespace
 *
 * Context: any. It never waits.
 * Return: the count, which is odd during a change.
 */
static inline u32 ippfvs_read_begin(const struct ippfvs_net *ipn)
{
	/* The count is read before the services; pairs with ippfvs_change_end() */
	return smp_load_acquire(&ipn->changes);
}

/**
 * ippfvs_read_retry() - check whether the services changed while they were read
 * @ipn: the namespace
 * @count: return value of ippfvs_read_begin()
 *
 * Context: any. It never waits.
 * Return: true if the reader may have seen part of a change.
 */
static inline bool ippfvs_read_retry(const struct ippfvs_net *ipn, u32 count)
{
	smp_rmb(); /* the count is read after the services; pairs with ippfvs_change_begin() */
	return count & 1 || READ_ONCE(ipn->changes) != count;
}

#endif /* _IPPFVS_CHANGE_H */
