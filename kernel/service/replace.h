/* SPDX-License-Identifier: GPL-2.0 */
/* The atomic replacement of all services of a namespace. */
#ifndef _IPPFVS_REPLACE_H
#define _IPPFVS_REPLACE_H

#include <linux/types.h>

struct ippfvs_net;
struct ippfvs_service_spec;

/**
 * ippfvs_services_replace() - replace all services of a namespace
 * @ipn: the namespace
 * @spec: the new services and their members, as check.h allows them, without duplicates
 * @n: number of services; 0 removes everything
 *
 * Real servers that stay (same service, address and port) keep their connections and
 * counters. Services that stay keep their id and their counters.
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: 0, or -errno with nothing changed.
 */
int ippfvs_services_replace(struct ippfvs_net *ipn, const struct ippfvs_service_spec *spec, u32 n);

#endif /* _IPPFVS_REPLACE_H */
