// SPDX-License-Identifier: GPL-2.0
/* The list of schedulers. A new scheduler needs a line here and in sched.h. */
#include "sched.h"

const struct ippfvs_scheduler *const ippfvs_schedulers[] = { &ippfvs_sched_rr, &ippfvs_sched_wrr,
							     &ippfvs_sched_lc, &ippfvs_sched_wlc,
							     NULL };

const struct ippfvs_scheduler *ippfvs_sched_lookup(const char *name)
{
	const struct ippfvs_scheduler *const *each;

	for (each = ippfvs_schedulers; *each; each++)
		if (!strcmp((*each)->name, name))
			return *each;
	return NULL;
}
