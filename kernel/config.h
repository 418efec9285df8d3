/* SPDX-License-Identifier: GPL-2.0 */
/* Settings of a namespace: written under its lock, read anywhere. */
#ifndef _IPPFVS_CONFIG_H
#define _IPPFVS_CONFIG_H

#include "uapi/ippfvs.h"

/**
 * struct ippfvs_config - what an administrator may set, and who that is
 * @guest: one who rules no more than namespaces of his own; never changes
 * @default_method: enum ippfvs_method for a real server given without a port
 * @conn_max: most connections; 0: ippfvs_config_conn_max() works it out
 * @timeout: jiffies without a packet after which a connection in that state
 *	ends, by enum ippfvs_state
 *
 * Fields are single words, written with WRITE_ONCE; read with READ_ONCE, but for
 * who holds the lock.
 */
struct ippfvs_config {
	bool guest;
	u8 default_method;
	u32 conn_max;
	u32 timeout[__IPPFVS_STATE_MAX];
};

void ippfvs_config_init(struct ippfvs_config *config, bool guest);

/*
 * The most connections a namespace may have, and with which number in all together
 * it may make no more; never 0.
 */
u32 ippfvs_config_conn_max(const struct ippfvs_config *config);
u32 ippfvs_config_conn_limit(const struct ippfvs_config *config);

/* In seconds, at most IPPFVS_TIMEOUT_MAX_S; set: caller holds the lock. */
u32 ippfvs_config_timeout(const struct ippfvs_config *config, u8 state);
void ippfvs_config_set_timeout(struct ippfvs_config *config, u8 state,
			       u32 seconds);

#endif /* _IPPFVS_CONFIG_H */
