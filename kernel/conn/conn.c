// SPDX-License-Identifier: GPL-2.0
#include "conn.h"

#include "../core/tcp_state.h"
#include "../service/pool.h"
#include "life.h"

void ippfvs_conn_tuple(const struct ippfvs_conn *conn,
		       enum ippfvs_conn_dir dir, struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end from = ippfvs_conn_from(dir);
	enum ippfvs_conn_end to = ippfvs_conn_to(dir);

	ippfvs_conn_addr(conn, from, &tuple->saddr);
	ippfvs_conn_addr(conn, to, &tuple->daddr);
	tuple->sport = conn->port[from];
	tuple->dport = conn->port[to];
	tuple->family = conn->family;
	tuple->protocol = conn->protocol;
}

u8 ippfvs_conn_state(const struct ippfvs_conn *conn)
{
	return life_state(life_read(conn));
}

static void count_end(struct ippfvs_conn *conn, u8 state)
{
	bool active = ippfvs_state_active(state);

	ippfvs_pool_load_add(conn->real, -active, -!active);
}

bool ippfvs_conn_move(struct ippfvs_conn *conn, u64 seen, u8 to)
{
	int active = ippfvs_state_active(to) -
		     ippfvs_state_active(life_state(seen));

	if (!atomic64_try_cmpxchg(&conn->life, (s64 *)&seen,
				  life_make(jiffies, to)))
		return false;

	if (active)
		ippfvs_pool_load_add(conn->real, active, -active);
	return true;
}

bool ippfvs_conn_end_seen(struct ippfvs_conn *conn, u64 seen, u64 how)
{
	if (!atomic64_try_cmpxchg(&conn->life, (s64 *)&seen, seen | how))
		return false;

	count_end(conn, life_state(seen));
	return true;
}

bool ippfvs_conn_end_as(struct ippfvs_conn *conn, u64 how)
{
	u64 life;

	do {
		life = life_read(conn);
		if (life & LIFE_DEAD)
			return false;
	} while (!ippfvs_conn_end_seen(conn, life, how));
	return true;
}

void ippfvs_conn_end(struct ippfvs_conn *conn)
{
	ippfvs_conn_end_as(conn, LIFE_DEAD);
}
