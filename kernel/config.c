// SPDX-License-Identifier: GPL-2.0
/* Settings of a namespace: their defaults, and what follows from them. */
#include "config.h"

#include "main.h"

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>

/* An IPv6 entry, the larger, with its share of a table that is growing. */
#define CONN_BYTES	192
#define CONN_LIMIT	(1U << 30)	/* loads and references have 32 bits */

/*
 * An established connection outlives the two hours after which TCP keepalive
 * first speaks; a UDP flow outlives a quiet phone call.
 */
static const u32 default_timeout_s[__IPPFVS_STATE_MAX] = {
	[IPPFVS_STATE_NONE]		= 60,
	[IPPFVS_STATE_SYN_SENT]		= 60,
	[IPPFVS_STATE_SYN_RECV]		= 60,
	[IPPFVS_STATE_ESTABLISHED]	= 7500,
	[IPPFVS_STATE_FIN_WAIT]		= 120,
	[IPPFVS_STATE_CLOSE_WAIT]	= 120,
	[IPPFVS_STATE_LAST_ACK]		= 30,
	[IPPFVS_STATE_TIME_WAIT]	= 60,
	[IPPFVS_STATE_CLOSED]		= 10,
	[IPPFVS_STATE_UDP]		= 300,
};

void ippfvs_config_init(struct ippfvs_config *config, bool guest)
{
	u32 state;

	config->guest = guest;
	config->default_method = IPPFVS_METHOD_NAT;
	config->conn_max = 0;
	for (state = 0; state < __IPPFVS_STATE_MAX; state++)
		ippfvs_config_set_timeout(config, state,
					  default_timeout_s[state]);
}

/* How many fill so many quarters of the memory. */
static u32 filling(u32 quarters)
{
	u64 quarter = ((u64)totalram_pages() << PAGE_SHIFT) / 4;

	return clamp_t(u64, quarters * quarter / CONN_BYTES, 1, CONN_LIMIT);
}

u32 ippfvs_config_conn_max(const struct ippfvs_config *config)
{
	return READ_ONCE(config->conn_max) ?: filling(1);
}

/*
 * Whoever rules a namespace of his own must not fill the machine, nor take from its
 * owner what he needs: half is out of reach of all guests together.
 */
u32 ippfvs_config_conn_limit(const struct ippfvs_config *config)
{
	u32 limit = READ_ONCE(ippfvs_conn_limit) ?: filling(3);

	limit = min(limit, CONN_LIMIT);
	return config->guest ? limit - limit / 2 : limit;
}

u32 ippfvs_config_timeout(const struct ippfvs_config *config, u8 state)
{
	return READ_ONCE(config->timeout[state]) / HZ;
}

void ippfvs_config_set_timeout(struct ippfvs_config *config, u8 state,
			       u32 seconds)
{
	WRITE_ONCE(config->timeout[state], seconds * HZ);
}
