// SPDX-License-Identifier: GPL-2.0
#include "event.h"
#include "family.h"
#include "put.h"
#include "resolve.h"

#include <linux/err.h>

/* NULL when nobody wants it; @head is the message begun. */
static struct sk_buff *begin(struct genl_info *info, u8 cmd, void **head)
{
	struct sk_buff *event;

	if (!nlmsg_report(info->nlhdr) &&
	    !genl_has_listeners(&ippfvs_nl_family, genl_info_net(info), 0))
		return NULL;

	event = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!event)
		return ERR_PTR(-ENOMEM);

	*head = genlmsg_put(event, info->snd_portid, info->snd_seq,
			    &ippfvs_nl_family, 0, cmd);
	if (!*head) {
		nlmsg_free(event);
		return ERR_PTR(-EMSGSIZE);
	}
	return event;
}

static struct sk_buff *end(struct sk_buff *event, void *head, int err)
{
	if (err) {
		nlmsg_free(event);
		return ERR_PTR(err);
	}
	genlmsg_end(event, head);
	return event;
}

struct sk_buff *ippfvs_nl_event_service(struct genl_info *info, u8 cmd,
					const struct ippfvs_service *service)
{
	struct sk_buff *event;
	void *head;
	int err;

	event = begin(info, cmd, &head);
	if (IS_ERR_OR_NULL(event))
		return event;

	rcu_read_lock();
	err = ippfvs_nl_put_service(event, service, false);
	rcu_read_unlock();
	return end(event, head, err);
}

struct sk_buff *ippfvs_nl_event_real(struct genl_info *info, u8 cmd,
				     const struct ippfvs_service *service,
				     const struct ippfvs_pool_real *place)
{
	struct sk_buff *event;
	void *head;
	int err;

	event = begin(info, cmd, &head);
	if (IS_ERR_OR_NULL(event))
		return event;

	err = ippfvs_nl_put_key(event, &service->key);
	if (!err)
		err = ippfvs_nl_put_real(event, place, false);
	return end(event, head, err);
}

struct sk_buff *ippfvs_nl_event_config(struct genl_info *info)
{
	struct sk_buff *event;
	void *head;

	event = begin(info, IPPFVS_CMD_CONFIG_SET, &head);
	if (IS_ERR_OR_NULL(event))
		return event;
	return end(event, head,
		   ippfvs_nl_put_config(event, ippfvs_nl_net(info), false));
}

struct sk_buff *ippfvs_nl_event_replace(struct genl_info *info)
{
	struct sk_buff *event;
	void *head;

	event = begin(info, IPPFVS_CMD_REPLACE, &head);
	if (IS_ERR_OR_NULL(event))
		return event;
	return end(event, head, 0);
}

void ippfvs_nl_event_send(struct genl_info *info, struct sk_buff *event)
{
	if (!event)
		return;
	if (IS_ERR(event)) {
		genl_set_err(&ippfvs_nl_family, genl_info_net(info), 0, 0,
			     -ENOBUFS);
		return;
	}
	genl_notify(&ippfvs_nl_family, event, info, 0, GFP_KERNEL);
}

void ippfvs_nl_event_drop(struct sk_buff *event)
{
	if (!IS_ERR_OR_NULL(event))
		nlmsg_free(event);
}
