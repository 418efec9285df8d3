/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The real servers of a service: copy its pool, change the copy, publish.
 *
 * Everything that may fail comes before the publication; what follows it only
 * settles the new and releases the old. Process context, caller holds the
 * namespace's lock; 0 or -errno (uapi) with nothing changed.
 */
#ifndef _IPPFVS_SERVICE_REAL_H
#define _IPPFVS_SERVICE_REAL_H

#include "../core/tuple.h"

struct ippfvs_net;
struct ippfvs_pool;
struct ippfvs_service;
struct ippfvs_service_spec;

/* A real server to be, or as it shall be. */
struct ippfvs_real_spec {
	union ippfvs_addr addr;
	__be16 port;
	u16 weight;
	u8 method;
};

/* A pool for @service: of @before, what @spec names is carried over. ERR_PTR. */
struct ippfvs_pool *
ippfvs_service_make_pool(struct ippfvs_service *service,
			 const struct ippfvs_service_spec *spec,
			 const struct ippfvs_pool *before);

int ippfvs_service_real_add(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec);
int ippfvs_service_real_set(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec);
int ippfvs_service_real_remove(struct ippfvs_net *ipn,
			       struct ippfvs_service *service,
			       const union ippfvs_addr *addr, __be16 port);

#endif /* _IPPFVS_SERVICE_REAL_H */
