/* SPDX-License-Identifier: GPL-2.0 */
/* Where packets reach us. */
#ifndef _IPPFVS_HOOK_H
#define _IPPFVS_HOOK_H

#include <linux/types.h>

struct net;

/* Process context, the namespace's lock. */
int ippfvs_hooks_register(struct net *net);
void ippfvs_hooks_unregister(struct net *net);

/* RCU. Does nobody else look at a packet between its arrival and its delivery? */
bool ippfvs_hooks_alone(const struct net *net, u8 family);

#endif /* _IPPFVS_HOOK_H */
