/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: one for each change, to the group "events" and, with NLM_F_ECHO, to
 * whoever asked for the change. An event about something that will be gone is
 * made before and sent after. Caller holds the namespace's lock.
 */
#ifndef _IPPFVS_NL_EVENT_H
#define _IPPFVS_NL_EVENT_H

#include <linux/types.h>

struct genl_info;
struct ippfvs_pool_real;
struct ippfvs_service;
struct sk_buff;

/* NULL when nobody listens, ERR_PTR when there is no memory: for send(). */
struct sk_buff *ippfvs_nl_event_service(struct genl_info *info, u8 cmd,
					const struct ippfvs_service *service);
struct sk_buff *ippfvs_nl_event_real(struct genl_info *info, u8 cmd,
				     const struct ippfvs_service *service,
				     const struct ippfvs_pool_real *place);
struct sk_buff *ippfvs_nl_event_config(struct genl_info *info);
struct sk_buff *ippfvs_nl_event_replace(struct genl_info *info);

/* Listeners who miss one are told by ENOBUFS. */
void ippfvs_nl_event_send(struct genl_info *info, struct sk_buff *event);
void ippfvs_nl_event_drop(struct sk_buff *event);

#endif /* _IPPFVS_NL_EVENT_H */
