/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPPFVS_MAIN_H
#define _IPPFVS_MAIN_H

struct workqueue_struct;

/* For work that may take a while: tables, freeing of rules. */
extern struct workqueue_struct *ippfvs_wq;

/* Module parameter: a connection table starts with 2^this buckets. */
extern unsigned int ippfvs_conn_tab_bits;

/* Module parameter: connections of all namespaces together; 0: by memory. */
extern unsigned int ippfvs_conn_limit;

#endif /* _IPPFVS_MAIN_H */
