/* SPDX-License-Identifier: GPL-2.0 */
/* What a request says of a service and of a real server. */
#ifndef _IPPFVS_NL_PARSE_H
#define _IPPFVS_NL_PARSE_H

#include "../rules/service.h"
#include "../rules/service_real.h"

#include <net/netlink.h>

/* A nest of enum ippfvs_service_attr, which must be there, and its key. */
int ippfvs_nl_service_parse(const struct nlattr *attr, struct nlattr **tb,
			    struct ippfvs_service_key *key,
			    struct netlink_ext_ack *extack);

/* What NEW and REPLACE take for what was not given. */
#define IPPFVS_NL_SCHEDULER	(&ippfvs_sched_wlc)
#define IPPFVS_NL_WEIGHT	1

/* SERVICE_SCHEDULER, or @otherwise when absent. */
int ippfvs_nl_scheduler(struct nlattr **tb,
			const struct ippfvs_scheduler *otherwise,
			const struct ippfvs_scheduler **sched,
			struct netlink_ext_ack *extack);

/* REAL_PORT as it was given, or 0. */
__be16 ippfvs_nl_real_port(struct nlattr **tb);

/*
 * A nest of enum ippfvs_real_attr, which must be there; the key into @spec: one
 * without a port has the service's, so that it is the same by either name.
 */
int ippfvs_nl_real_parse(const struct nlattr *attr, struct nlattr **tb,
			 const struct ippfvs_service_key *key,
			 struct ippfvs_real_spec *spec,
			 struct netlink_ext_ack *extack);

#endif /* _IPPFVS_NL_PARSE_H */
