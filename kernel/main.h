/* SPDX-License-Identifier: GPL-2.0 */
/* The workqueue and the parameters of the module. */
#ifndef _IPPFVS_MAIN_H
#define _IPPFVS_MAIN_H

struct workqueue_struct;

/* For the connection tables' workers and for freeing of rule sets. */
extern struct workqueue_struct *ippfvs_wq;

/* A connection table starts with 2^ippfvs_conn_tab_bits buckets. */
extern unsigned int ippfvs_conn_tab_bits;

/* Maximum number of connections in all namespaces together; 0: derived from the memory size. */
extern unsigned int ippfvs_conn_limit;

#endif /* _IPPFVS_MAIN_H */
