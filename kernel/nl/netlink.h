/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink front: the whole control plane behind one door. */
#ifndef _IPPFVS_NETLINK_H
#define _IPPFVS_NETLINK_H

int ippfvs_netlink_init(void);
void ippfvs_netlink_exit(void);

#endif /* _IPPFVS_NETLINK_H */
