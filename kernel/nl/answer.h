/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers: the nests of replies, dumps and events.
 *
 * A put function adds a whole nest. If there is no room, it adds nothing and returns
 * -EMSGSIZE.
 *
 * A message of a dump has as many nests as the reader's buffer has room for. A message
 * for each object would cost both sides more than the object itself.
 *
 * Each change sends one event to the group "events" and, with NLM_F_ECHO, to the
 * requester. The event about the removal of an object is created before the removal and
 * sent after it.
 */
#ifndef _IPPFVS_NL_ANSWER_H
#define _IPPFVS_NL_ANSWER_H

#include "../core/tuple.h"

#include <linux/types.h>

struct genl_info;
struct ippfvs_counters;
struct ippfvs_member;
struct ippfvs_net;
struct ippfvs_service;
struct netlink_callback;
struct sk_buff;

/**
 * ippfvs_nl_put_addr() - put an address
 * @skb: the message
 * @attr: the attribute's type
 * @family: IPPFVS_FAMILY_*
 * @addr: the address
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ippfvs_nl_put_addr(struct sk_buff *skb, int attr, u8 family, const union ippfvs_addr *addr);

/**
 * ippfvs_nl_put_stats() - put a nest of counters
 * @skb: the message
 * @attr: the nest's type
 * @counters: the counters
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int ippfvs_nl_put_stats(struct sk_buff *skb, int attr, const struct ippfvs_counters *counters);

/**
 * ippfvs_nl_put_service() - put IPPFVS_A_SERVICE
 * @skb: the message
 * @service: the service
 * @counters: also put its counters
 *
 * Context: RCU read lock.
 * Return: 0 or -EMSGSIZE.
 */
int ippfvs_nl_put_service(struct sk_buff *skb, const struct ippfvs_service *service, bool counters);

/**
 * ippfvs_nl_put_member() - put IPPFVS_A_REAL
 * @skb: the message
 * @member: the member
 * @counters: also put its counters and its numbers of connections
 * @fault: enum ippfvs_fault; put only if it is not IPPFVS_FAULT_UNSPEC
 *
 * Context: RCU read lock or the namespace's lock.
 * Return: 0 or -EMSGSIZE.
 */
int ippfvs_nl_put_member(struct sk_buff *skb, const struct ippfvs_member *member, bool counters,
			 u8 fault);

/**
 * ippfvs_nl_read_consistent() - read services and counters while no change is made
 * @ipn: the namespace
 * @read: reads them; each call starts again from the beginning
 * @arg: argument of @read
 *
 * If changes have disturbed three attempts, it takes ipn->lock for the next one.
 *
 * Context: process context; the caller does not hold ipn->lock; it may sleep.
 * Return: the result of the last call of @read.
 */
int ippfvs_nl_read_consistent(struct ippfvs_net *ipn, int (*read)(void *arg), void *arg);

/**
 * ippfvs_nl_dump_begin() - begin a message of a dump
 * @skb: the buffer
 * @cb: state of the dump
 * @cmd: the command of the message
 *
 * Context: process context.
 * Return: the message, without nests, or NULL if there is no room for it.
 */
void *ippfvs_nl_dump_begin(struct sk_buff *skb, const struct netlink_callback *cb, u8 cmd);

/**
 * ippfvs_nl_dump_end() - end a message of a dump
 * @skb: the buffer
 * @cb: state of the dump
 * @head: return value of ippfvs_nl_dump_begin()
 * @err: 0, or the error because of which the next nest is not in the message
 *
 * Context: process context.
 * Return: the return value for the dump callback; @err, which ends the dump, if the
 * message has no nest.
 */
int ippfvs_nl_dump_end(struct sk_buff *skb, struct netlink_callback *cb, void *head, int err);

/**
 * struct ippfvs_nl_cursor - the position of a dump of services; in cb->ctx, zeroed
 * @id: id of the service with which the dump continues
 * @last: id of the last service to list
 * @index: within service @id, the index of the member with which the dump continues
 * @parsed: the dump has parsed its request
 */
struct ippfvs_nl_cursor {
	unsigned long id;
	unsigned long last;
	u32 index;
	bool parsed;
};

/**
 * ippfvs_nl_dump_services() - fill one message of a dump with services
 * @skb: the buffer
 * @cb: state of the dump; its cursor has been set according to the request
 * @cmd: the command of the message
 * @put: called under RCU to put a service and its members from *index on. If it returns
 *	-errno because there is no room, the next message continues at *index
 *
 * The RCU read lock is released after each service, because a large one takes a while.
 *
 * Context: process context; it may sleep.
 * Return: the return value for the dump callback.
 */
int ippfvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			    int (*put)(struct sk_buff *skb, const struct ippfvs_net *ipn,
				       const struct ippfvs_service *service, u32 *index));

/**
 * ippfvs_nl_event_begin() - begin an event
 * @info: the request that makes the change
 * @cmd: the command of the event
 * @head: gets the message, for ippfvs_nl_event_end()
 *
 * Context: process context; it may sleep.
 * Return: the event, NULL if nobody listens, or ERR_PTR.
 */
struct sk_buff *ippfvs_nl_event_begin(struct genl_info *info, u8 cmd, void **head);

/**
 * ippfvs_nl_event_end() - end an event
 * @event: return value of ippfvs_nl_event_begin(), neither NULL nor ERR_PTR; consumed on
 *	error
 * @head: the message
 * @err: 0, or the error because of which the event cannot be made
 *
 * Context: any.
 * Return: the event, or ERR_PTR(@err); for ippfvs_nl_event_send().
 */
struct sk_buff *ippfvs_nl_event_end(struct sk_buff *event, void *head, int err);

/**
 * ippfvs_nl_event_service() - create an event about a service
 * @info: the request that makes the change
 * @cmd: the command of the event
 * @service: the service
 *
 * Context: process context; the caller holds the namespace's lock; it may sleep.
 * Return: the event, NULL if nobody listens, or ERR_PTR; for ippfvs_nl_event_send().
 */
struct sk_buff *ippfvs_nl_event_service(struct genl_info *info, u8 cmd,
					const struct ippfvs_service *service);

/**
 * ippfvs_nl_event_member() - create an event about a real server of a service
 * @info: the request that makes the change
 * @cmd: the command of the event
 * @service: the service
 * @member: its member
 *
 * Context: process context; the caller holds the namespace's lock; it may sleep.
 * Return: the event, NULL if nobody listens, or ERR_PTR; for ippfvs_nl_event_send().
 */
struct sk_buff *ippfvs_nl_event_member(struct genl_info *info, u8 cmd,
				       const struct ippfvs_service *service,
				       const struct ippfvs_member *member);

/**
 * ippfvs_nl_event_send() - send an event
 * @info: the request that made the change
 * @event: the event, NULL or ERR_PTR; consumed
 *
 * Listeners who miss the event for lack of memory get -ENOBUFS.
 *
 * Context: process context; it may sleep.
 */
void ippfvs_nl_event_send(struct genl_info *info, struct sk_buff *event);

/**
 * ippfvs_nl_event_drop() - free an event about a change that has failed
 * @event: the event, NULL or ERR_PTR; consumed
 *
 * Context: any.
 */
void ippfvs_nl_event_drop(struct sk_buff *event);

#endif /* _IPPFVS_NL_ANSWER_H */
