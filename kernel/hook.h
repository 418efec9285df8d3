/* SPDX-License-Identifier: GPL-2.0 */
/* Registration at netfilter's hooks. */
#ifndef _IPPFVS_HOOK_H
#define _IPPFVS_HOOK_H

struct net;

/**
 * ippfvs_hooks_register() - let packets of a namespace reach the director
 * @net: the namespace
 *
 * Context: process, the namespace's lock.
 * Return: 0 or -errno.
 */
int ippfvs_hooks_register(struct net *net);

/**
 * ippfvs_hooks_unregister() - undo ippfvs_hooks_register()
 * @net: the namespace
 *
 * Packets may be in a hook until the next RCU grace period has ended.
 *
 * Context: process, the namespace's lock.
 */
void ippfvs_hooks_unregister(struct net *net);

#endif /* _IPPFVS_HOOK_H */
