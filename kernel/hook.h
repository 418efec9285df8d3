/* SPDX-License-Identifier: GPL-2.0 */
/* Where packets reach us. Process context, the namespace's lock. */
#ifndef _IPPFVS_HOOK_H
#define _IPPFVS_HOOK_H

struct net;

int ippfvs_hooks_register(struct net *net);
void ippfvs_hooks_unregister(struct net *net);

#endif /* _IPPFVS_HOOK_H */
