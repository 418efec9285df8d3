/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: parsing of attributes, lookup of the objects that they name, refusals.
 *
 * The policies in family.c have validated every attribute and every nest before these
 * functions read it. service/check.c checks the configuration; ippfvs_nl_refuse()
 * translates its reasons into errors and messages.
 */
#ifndef _IPPFVS_NL_REQUEST_H
#define _IPPFVS_NL_REQUEST_H

#include "../net.h"
#include "../service/check.h"
#include "../service/pool.h"
#include "../service/service.h"
#include "../service/table.h"

#include <net/genetlink.h>
#include <net/sock.h>

/**
 * struct ippfvs_nl_request - a request, with the objects that it names
 * @ipn: the namespace of the requesting socket
 * @key: the key of the service that the request names
 * @service: that service; NULL if it does not exist or the request does not need it
 * @spec: address and port of the real server that the request names
 * @member: the member of @service's pool for that real server, or NULL
 * @service_tb: the attributes of the service by enum ippfvs_service_attr
 * @real_tb: the attributes of the real server by enum ippfvs_real_attr
 *
 * ippfvs_nl_pre() creates it before the handler runs, ippfvs_nl_post() frees it. The
 * flags of the operation (nl.h) determine which fields are set.
 */
struct ippfvs_nl_request {
	struct ippfvs_net *ipn;
	struct ippfvs_service_key key;
	struct ippfvs_service *service;
	struct ippfvs_member_spec spec;
	const struct ippfvs_member *member;
	struct nlattr *service_tb[IPPFVS_SERVICE_MAX + 1];
	struct nlattr *real_tb[IPPFVS_REAL_MAX + 1];
};

/**
 * ippfvs_nl_request() - get the request for which a handler was called
 * @info: the request
 *
 * Context: any.
 * Return: the request, which ippfvs_nl_post() will free.
 */
static inline struct ippfvs_nl_request *ippfvs_nl_request(const struct genl_info *info)
{
	return info->user_ptr[0];
}

/**
 * ippfvs_nl_pre() - prepare a request before its handler runs
 * @ops: the operation, whose internal_flags determine what is done
 * @skb: the request's message
 * @info: the request
 *
 * Context: process context; it may sleep. If the operation has IPPFVS_NL_LOCK, it takes
 * the namespace's lock, and holds it on success.
 * Return: 0, or -errno with an extack message.
 */
int ippfvs_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb, struct genl_info *info);

/**
 * ippfvs_nl_post() - undo ippfvs_nl_pre() after the handler has run
 * @ops: the operation
 * @skb: the request's message
 * @info: the request
 *
 * Context: process context. It releases the lock that ippfvs_nl_pre() took.
 */
void ippfvs_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb, struct genl_info *info);

/**
 * ippfvs_nl_invalid() - refuse an invalid request
 * @extack: gets the message; may be NULL
 * @attr: the attribute that the message is about
 * @text: the message, a string literal
 *
 * Context: any.
 * Return: -EINVAL.
 */
#define ippfvs_nl_invalid(extack, attr, text)            \
	({                                               \
		NL_SET_ERR_MSG_ATTR(extack, attr, text); \
		-EINVAL;                                 \
	})

/**
 * ippfvs_nl_refuse() - turn the result of a check into an error and a message
 * @extack: gets the message; may be NULL
 * @attr: the attribute that the message is about
 * @reason: the result of the check
 *
 * Context: any.
 * Return: 0 for IPPFVS_REFUSAL_NONE, otherwise the -errno that the uapi header documents.
 */
int ippfvs_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr,
		     enum ippfvs_refusal reason);

/**
 * ippfvs_nl_port() - get the port of an attribute
 * @attr: the attribute, or NULL
 *
 * Context: any.
 * Return: the port in network byte order; 0 if there is no attribute.
 */
static inline __be16 ippfvs_nl_port(const struct nlattr *attr)
{
	return attr ? nla_get_be16(attr) : 0;
}

/**
 * ippfvs_nl_parse_service() - parse a nest that names a service
 * @attr: the nest, or NULL, which is refused
 * @tb: gets the attributes by enum ippfvs_service_attr
 * @key: gets the key of the service
 * @extack: gets the message of a refusal
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ippfvs_nl_parse_service(const struct nlattr *attr, struct nlattr **tb,
			    struct ippfvs_service_key *key, struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_parse_real() - parse a nest that names a real server
 * @attr: the nest, or NULL, which is refused
 * @tb: gets the attributes by enum ippfvs_real_attr
 * @key: the key of its service
 * @spec: gets address and port. A real server without a port has its service's port, so
 *	that both forms name the same real server
 * @extack: gets the message of a refusal
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ippfvs_nl_parse_real(const struct nlattr *attr, struct nlattr **tb,
			 const struct ippfvs_service_key *key, struct ippfvs_member_spec *spec,
			 struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_find_service() - find the service with a key, or refuse the request
 * @ipn: the namespace
 * @key: the key of the service
 * @attr: the nest that names it
 * @extack: gets the message of a refusal
 *
 * Context: RCU read lock or ipn->lock.
 * Return: the service, or ERR_PTR(-ESRCH).
 */
struct ippfvs_service *ippfvs_nl_find_service(const struct ippfvs_net *ipn,
					      const struct ippfvs_service_key *key,
					      const struct nlattr *attr,
					      struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_dump_net() - get the namespace of a dump
 * @cb: state of the dump
 *
 * Context: any.
 * Return: the namespace of the requesting socket.
 */
static inline struct ippfvs_net *ippfvs_nl_dump_net(const struct netlink_callback *cb)
{
	return ippfvs_net(sock_net(cb->skb->sk));
}

/**
 * ippfvs_nl_dump_start_refuses() - check whether the start of a dump can report errors
 * @cb: state of the dump
 *
 * Old kernels do not report the extack message of a dump's start callback. On these
 * kernels, a dump parses its request in the first call of its dump callback.
 *
 * Context: any.
 * Return: true if the start callback may refuse the request.
 */
static inline bool ippfvs_nl_dump_start_refuses(const struct netlink_callback *cb)
{
	return cb->extack;
}

/**
 * ippfvs_nl_dump_check_flags() - refuse netlink flags that dumps do not support
 * @cb: state of the dump
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int ippfvs_nl_dump_check_flags(const struct netlink_callback *cb);

#endif /* _IPPFVS_NL_REQUEST_H */
