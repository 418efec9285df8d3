// SPDX-License-Identifier: GPL-2.0
/* VS-DR: only the destination MAC address and the TTL of the packet change. */
#include "forward.h"
#include "send.h"

enum ippfvs_verdict ippfvs_dr_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	enum ippfvs_verdict verdict;
	struct ippfvs_path path;

	verdict = ippfvs_path_open(pkt, conn->real, 0, &path);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;

	return ippfvs_send_direct(pkt, path.route->dst, path.mtu, conn->real);
}
