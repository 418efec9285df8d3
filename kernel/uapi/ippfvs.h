/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ippfvs: the generic netlink interface.
 *
 * This header is the only place where the numbers are defined. pylvs mirrors them, and a test
 * compares both name by name.
 *
 * Family "ippfvs", version IPPFVS_GENL_VERSION, multicast group "events". Everything refers to the
 * network namespace of the requesting socket. Every change, and CONN_GET, needs CAP_NET_ADMIN in
 * the user namespace that owns the network namespace; a change of a hard cap needs it in the
 * initial user namespace. Other reading needs no privilege.
 *
 * Attributes are validated strictly. An unknown attribute, a wrong length, an unknown flag or a
 * value out of range is refused with -EINVAL or -ERANGE, with a sentence in NLMSGERR_ATTR_MSG and
 * the attribute in NLMSGERR_ATTR_OFFS. A refused request changes nothing. (For a refused dump, old
 * kernels such as 6.1 cannot report the attribute.) A message with the error 0 is a warning: the
 * request was carried out.
 *
 * The message tree
 * ----------------
 * The top level of every message has only attributes of enum ippfvs_attr. Each is a nest:
 *
 *   IPPFVS_A_SERVICE                     a virtual service
 *     IPPFVS_SERVICE_ADDRESS    binary   VIP; 4 bytes for IPv4, 16 bytes for IPv6
 *     IPPFVS_SERVICE_PROTOCOL   u8       IPPROTO_TCP or IPPROTO_UDP
 *     IPPFVS_SERVICE_PORT       be16     0 or absent: all ports
 *     IPPFVS_SERVICE_SCHEDULER  string   "rr", "wrr", "lc", "wlc"; absent in
 *                                        NEW: "wlc"; absent in SET: unchanged
 *     IPPFVS_SERVICE_STATS      nest     answers only; enum ippfvs_stats_attr
 *     IPPFVS_SERVICE_REALS      u32      answers only; number of real servers
 *   The first three are the key by which a request names a service.
 *
 *   IPPFVS_A_REAL                        a real server of that service
 *     IPPFVS_REAL_ADDRESS       binary   RIP; the family of the service
 *     IPPFVS_REAL_PORT          be16     0 or absent: the port of the service
 *     IPPFVS_REAL_WEIGHT        u32      0..IPPFVS_WEIGHT_MAX; absent in NEW: 1;
 *                                        0: no new connections
 *     IPPFVS_REAL_METHOD        u8       enum ippfvs_method; absent in NEW: NAT if a
 *                                        port is given, else the default method of
 *                                        the namespace; absent in SET: unchanged.
 *                                        If it is set, or in NEW, a loopback address
 *                                        or an address of the director always gets
 *                                        local
 *     IPPFVS_REAL_STATS         nest     answers only
 *     IPPFVS_REAL_ACTIVE        u32      answers only; established connections
 *     IPPFVS_REAL_INACTIVE      u32      answers only; all other connections
 *     IPPFVS_REAL_FAULT         u8       answers to REAL_GET only; enum ippfvs_fault;
 *                                        absent: none
 *   Address and port are the key of a real server within its service.
 *
 *   IPPFVS_A_CONN                        a connection; answers only
 *     IPPFVS_CONN_PROTOCOL      u8
 *     IPPFVS_CONN_CLIENT        binary   CIP    IPPFVS_CONN_CLIENT_PORT   be16
 *     IPPFVS_CONN_VIRTUAL       binary   VIP    IPPFVS_CONN_VIRTUAL_PORT  be16
 *     IPPFVS_CONN_REAL          binary   RIP    IPPFVS_CONN_REAL_PORT     be16
 *     IPPFVS_CONN_METHOD        u8       enum ippfvs_method
 *     IPPFVS_CONN_STATE         u8       enum ippfvs_state
 *     IPPFVS_CONN_EXPIRES_MS    u32      time left if no further packet comes
 *
 *   IPPFVS_A_CONFIG                      settings of the namespace
 *     IPPFVS_CONFIG_DEFAULT_METHOD  u8   enum ippfvs_method, not local
 *     IPPFVS_CONFIG_TCP_TIMEOUT_S   u32  established TCP; 1..IPPFVS_TIMEOUT_MAX_S
 *     IPPFVS_CONFIG_FIN_TIMEOUT_S   u32  TCP after a FIN
 *     IPPFVS_CONFIG_UDP_TIMEOUT_S   u32
 *     IPPFVS_CONFIG_CONN_MAX        u32  maximum number of connections; 0: the number
 *                                        that fills a quarter of the memory. A
 *                                        request above CONN_CAP is refused, and
 *                                        CONN_CAP bounds the effective maximum
 *     IPPFVS_CONFIG_VERSION         string  answers only; version of the module
 *     IPPFVS_CONFIG_CONNS           u32  answers only; number of connections,
 *                                        including dead ones that are still linked
 *     IPPFVS_CONFIG_BUCKETS         u32  answers only; size of the table
 *     IPPFVS_CONFIG_SERVICES        u32  answers only; number of services
 *     IPPFVS_CONFIG_SCHEDULERS      string  answers only; names separated by spaces
 *     IPPFVS_CONFIG_CONN_CAP        u32  hard cap of connections; 0: none
 *     IPPFVS_CONFIG_SERVICE_CAP     u32  hard cap of services; 0: none
 *     IPPFVS_CONFIG_REAL_CAP        u32  hard cap of the real servers of all
 *                                        services together; 0: none
 *   A hard cap refuses what is new and removes nothing. A network namespace inherits the caps of
 *   the one in which its creator is. If a user namespace other than the initial one owns it, and
 *   none such owns the creator's, each cap is IPPFVS_UNPRIVILEGED_* at most. The same are the caps
 *   of such a namespace that is older than the module, which does not know the creator.
 *
 *   IPPFVS_A_STATS                       sums over the namespace; answers only;
 *                                        enum ippfvs_stats_attr
 *   IPPFVS_A_DROPS                       a u64 for each reason; the type of each
 *                                        attribute is its enum ippfvs_drop
 *   IPPFVS_A_EVICTIONS                   connections that ended for a new one; a u64
 *                                        for each reason, by enum ippfvs_eviction
 *
 * Requests
 * --------
 *   SERVICE_NEW   SERVICE                     -EEXIST if it exists
 *   SERVICE_SET   SERVICE(key, SCHEDULER)
 *   SERVICE_DEL   SERVICE(key)                with all its real servers
 *   SERVICE_GET   dump: all services in the order of their creation, many
 *                 SERVICEs in a message;
 *                 do: SERVICE(key), that service
 *   REAL_NEW      SERVICE(key), REAL          with NLM_F_CREATE a missing service
 *                                             is created in the same step, with
 *                                             SERVICE_SCHEDULER
 *   REAL_SET      SERVICE(key), REAL(key, WEIGHT, METHOD)
 *   REAL_DEL      SERVICE(key), REAL(key)     The next packet of a TCP connection
 *                                             is answered with RST, that of a UDP
 *                                             connection is scheduled again.
 *   REAL_GET      dump: of SERVICE(key) or, without it, of all services. A message
 *                 has, any number of times, SERVICE(key, scheduler, reals) followed
 *                 by its REALs; the next message may continue the same service
 *   CONN_GET      dump: all, or those of SERVICE(key), or of SERVICE and REAL; many
 *                 CONNs in a message. A connection that exists during the whole
 *                 dump is listed once, unless another with the same hash is added
 *                 or removed meanwhile
 *   CONFIG_GET    do: CONFIG
 *   CONFIG_SET    CONFIG                      sets each setting that is present
 *   STATS_GET     do: STATS, DROPS, EVICTIONS
 *   ZERO          [SERVICE(key)]              zeroes its counters, or all counters
 *   REPLACE       [CONFIG without caps], then any number of times SERVICE followed
 *                 by its REALs.
 *                 Replaces the whole rule set in one step: a packet sees the old
 *                 set or the new one. An error in any attribute changes nothing. A
 *                 real server that is in both sets (same service, address and port)
 *                 keeps its connections and counters. Without a SERVICE everything
 *                 is removed.
 *   RULES_GET     dump: the rules in the form that REPLACE accepts, without CONFIG:
 *                 all services in the order of their creation, as SERVICE(key,
 *                 scheduler, reals) followed by its REALs(key, weight, method), many
 *                 in a message. A service that does not fit is continued in the next
 *                 message, where its SERVICE is repeated.
 *
 * A dump that overlaps with a change of the rules has NLM_F_DUMP_INTR set. Repeat it.
 *
 * Errors besides -EINVAL, -ERANGE, -ENOMEM
 *   -EPERM            CAP_NET_ADMIN is missing; with a message: in the initial user
 *                     namespace, for a hard cap
 *   -ESRCH            the service does not exist
 *   -ENOENT           the service does not have that real server
 *   -EEXIST           the service, or that real server of it, exists already
 *   -EAFNOSUPPORT     real server and service have different families, or IPv6 is off
 *   -EPROTONOSUPPORT  unknown scheduler
 *   -EDOM             DR and TUN cannot change the port
 *   -ENOSPC           IPPFVS_SERVICES_MAX, IPPFVS_REALS_MAX or a hard cap is reached
 *   -EADDRNOTAVAIL    not a unicast address; or a link-local address; or a loopback
 *                     virtual address, which clients cannot reach; or method local
 *                     with the address of another machine
 *
 * Events: after SERVICE_NEW, SERVICE_SET, SERVICE_DEL, REAL_NEW, REAL_SET, REAL_DEL and CONFIG_SET
 * the changed object is sent to the group "events", under the same command and with the same
 * attributes as in an answer, without counters. REPLACE sends an event without attributes; read the
 * rules again.
 */
#ifndef _UAPI_IPPFVS_H
#define _UAPI_IPPFVS_H

#include <linux/types.h>

#define IPPFVS_GENL_NAME	"ippfvs"
#define IPPFVS_GENL_VERSION	1
#define IPPFVS_GENL_EVENTS	"events"

#define IPPFVS_WEIGHT_MAX	65535
#define IPPFVS_SCHEDULER_LEN	16	/* including the terminating NUL */
#define IPPFVS_SERVICES_MAX	65536	/* in a namespace */
#define IPPFVS_REALS_MAX	16384	/* in a service */
#define IPPFVS_TIMEOUT_MAX_S	2073600	/* 24 days */

/* Hard caps of a network namespace that a user namespace other than the initial one owns. */
#define IPPFVS_UNPRIVILEGED_CONNS	16384
#define IPPFVS_UNPRIVILEGED_SERVICES	256
#define IPPFVS_UNPRIVILEGED_REALS	1024

enum ippfvs_cmd {
	IPPFVS_CMD_UNSPEC,
	IPPFVS_CMD_SERVICE_NEW,
	IPPFVS_CMD_SERVICE_SET,
	IPPFVS_CMD_SERVICE_DEL,
	IPPFVS_CMD_SERVICE_GET,
	IPPFVS_CMD_REAL_NEW,
	IPPFVS_CMD_REAL_SET,
	IPPFVS_CMD_REAL_DEL,
	IPPFVS_CMD_REAL_GET,
	IPPFVS_CMD_CONN_GET,
	IPPFVS_CMD_CONFIG_GET,
	IPPFVS_CMD_CONFIG_SET,
	IPPFVS_CMD_STATS_GET,
	IPPFVS_CMD_ZERO,
	IPPFVS_CMD_REPLACE,
	IPPFVS_CMD_RULES_GET,
	__IPPFVS_CMD_MAX
};
#define IPPFVS_CMD_MAX (__IPPFVS_CMD_MAX - 1)

enum ippfvs_attr {
	IPPFVS_A_UNSPEC,
	IPPFVS_A_SERVICE,
	IPPFVS_A_REAL,
	IPPFVS_A_CONN,
	IPPFVS_A_CONFIG,
	IPPFVS_A_STATS,
	IPPFVS_A_DROPS,
	IPPFVS_A_EVICTIONS,
	__IPPFVS_A_MAX
};
#define IPPFVS_A_MAX (__IPPFVS_A_MAX - 1)

enum ippfvs_service_attr {
	IPPFVS_SERVICE_UNSPEC,
	IPPFVS_SERVICE_ADDRESS,
	IPPFVS_SERVICE_PROTOCOL,
	IPPFVS_SERVICE_PORT,
	IPPFVS_SERVICE_SCHEDULER,
	IPPFVS_SERVICE_STATS,
	IPPFVS_SERVICE_REALS,
	__IPPFVS_SERVICE_MAX
};
#define IPPFVS_SERVICE_MAX (__IPPFVS_SERVICE_MAX - 1)

enum ippfvs_real_attr {
	IPPFVS_REAL_UNSPEC,
	IPPFVS_REAL_ADDRESS,
	IPPFVS_REAL_PORT,
	IPPFVS_REAL_WEIGHT,
	IPPFVS_REAL_METHOD,
	IPPFVS_REAL_STATS,
	IPPFVS_REAL_ACTIVE,
	IPPFVS_REAL_INACTIVE,
	IPPFVS_REAL_FAULT,
	__IPPFVS_REAL_MAX
};
#define IPPFVS_REAL_MAX (__IPPFVS_REAL_MAX - 1)

enum ippfvs_conn_attr {
	IPPFVS_CONN_UNSPEC,
	IPPFVS_CONN_PROTOCOL,
	IPPFVS_CONN_CLIENT,
	IPPFVS_CONN_CLIENT_PORT,
	IPPFVS_CONN_VIRTUAL,
	IPPFVS_CONN_VIRTUAL_PORT,
	IPPFVS_CONN_REAL,
	IPPFVS_CONN_REAL_PORT,
	IPPFVS_CONN_METHOD,
	IPPFVS_CONN_STATE,
	IPPFVS_CONN_EXPIRES_MS,
	__IPPFVS_CONN_MAX
};
#define IPPFVS_CONN_MAX (__IPPFVS_CONN_MAX - 1)

enum ippfvs_config_attr {
	IPPFVS_CONFIG_UNSPEC,
	IPPFVS_CONFIG_DEFAULT_METHOD,
	IPPFVS_CONFIG_TCP_TIMEOUT_S,
	IPPFVS_CONFIG_FIN_TIMEOUT_S,
	IPPFVS_CONFIG_UDP_TIMEOUT_S,
	IPPFVS_CONFIG_CONN_MAX,
	IPPFVS_CONFIG_VERSION,
	IPPFVS_CONFIG_CONNS,
	IPPFVS_CONFIG_BUCKETS,
	IPPFVS_CONFIG_SERVICES,
	IPPFVS_CONFIG_SCHEDULERS,
	IPPFVS_CONFIG_CONN_CAP,
	IPPFVS_CONFIG_SERVICE_CAP,
	IPPFVS_CONFIG_REAL_CAP,
	__IPPFVS_CONFIG_MAX
};
#define IPPFVS_CONFIG_MAX (__IPPFVS_CONFIG_MAX - 1)

/* All attributes are u64. "in" means from the client, "out" from the real server. */
enum ippfvs_stats_attr {
	IPPFVS_STATS_UNSPEC,
	IPPFVS_STATS_PAD,
	IPPFVS_STATS_CONNS,		/* connections opened */
	IPPFVS_STATS_PACKETS_IN,
	IPPFVS_STATS_PACKETS_OUT,
	IPPFVS_STATS_BYTES_IN,		/* of the network layer, including headers */
	IPPFVS_STATS_BYTES_OUT,
	__IPPFVS_STATS_MAX
};
#define IPPFVS_STATS_MAX (__IPPFVS_STATS_MAX - 1)

/* Forwarding methods. */
enum ippfvs_method {
	IPPFVS_METHOD_UNSPEC,
	IPPFVS_METHOD_NAT,		/* VS-NAT: addresses and ports are rewritten */
	IPPFVS_METHOD_TUN,		/* VS-TUN: IP in IP */
	IPPFVS_METHOD_DR,		/* VS-DR: sent to the MAC address of the server */
	IPPFVS_METHOD_LOCAL,		/* Local Node: a server on the director */
	__IPPFVS_METHOD_MAX
};
#define IPPFVS_METHOD_MAX (__IPPFVS_METHOD_MAX - 1)

/* Why a real server cannot work, or not as it is configured: addresses have changed. */
enum ippfvs_fault {
	IPPFVS_FAULT_UNSPEC,
	IPPFVS_FAULT_REAL_IS_OWN,	/* RIP is the director's, and the method is not local */
	IPPFVS_FAULT_REAL_NOT_OWN,	/* Local Node, and RIP is not the director's */
	IPPFVS_FAULT_VIRTUAL_NOT_OWN,	/* Local Node, and VIP is not the director's */
	__IPPFVS_FAULT_MAX
};
#define IPPFVS_FAULT_MAX (__IPPFVS_FAULT_MAX - 1)

/* States of a connection; the names of TCP states are those of RFC 9293. */
enum ippfvs_state {
	IPPFVS_STATE_NONE,
	IPPFVS_STATE_SYN_SENT,		/* SYN of the client seen */
	IPPFVS_STATE_SYN_RECV,		/* SYN-ACK of the server seen */
	IPPFVS_STATE_ESTABLISHED,
	IPPFVS_STATE_FIN_WAIT,		/* FIN of the client seen */
	IPPFVS_STATE_CLOSE_WAIT,	/* FIN of the server seen */
	IPPFVS_STATE_LAST_ACK,		/* FIN of both seen */
	IPPFVS_STATE_TIME_WAIT,
	IPPFVS_STATE_CLOSED,		/* RST seen */
	IPPFVS_STATE_UDP,
	__IPPFVS_STATE_MAX
};
#define IPPFVS_STATE_MAX (__IPPFVS_STATE_MAX - 1)

/* Reasons for which packets are dropped. */
enum ippfvs_drop {
	IPPFVS_DROP_UNSPEC,
	IPPFVS_DROP_PAD,
	IPPFVS_DROP_NO_SERVER,		/* no real server takes new connections */
	IPPFVS_DROP_NO_CONNECTION,	/* TCP segment of an unknown connection; RST sent */
	IPPFVS_DROP_SERVER_REMOVED,	/* real server removed; RST sent to a TCP client */
	IPPFVS_DROP_TABLE_FULL,		/* CONN_MAX, CONN_CAP, conn_limit, one client's limit */
	IPPFVS_DROP_NO_MEMORY,		/* no memory for a connection or for headers */
	IPPFVS_DROP_TUPLE_IN_USE,	/* replies like those of another connection; RST sent */
	IPPFVS_DROP_ICMP_CHECKSUM,	/* ICMP error with a wrong checksum */
	IPPFVS_DROP_TTL,		/* TTL or hop limit used up */
	IPPFVS_DROP_TOO_BIG,		/* longer than the MTU */
	IPPFVS_DROP_NO_ROUTE,		/* no route to the real server or to the client */
	IPPFVS_DROP_NOT_WRITABLE,	/* packet cannot be changed: no memory, or LRO */
	IPPFVS_DROP_ICMP,		/* ICMP error that cannot be forwarded */
	IPPFVS_DROP_NO_LISTENER,	/* Local Node: no socket listens */
	IPPFVS_DROP_NO_SERVICE,		/* virtual address of no host, port without a service */
	IPPFVS_DROP_WRONG_DEVICE,	/* reply from where no route leads to the server */
	__IPPFVS_DROP_MAX
};
#define IPPFVS_DROP_MAX (__IPPFVS_DROP_MAX - 1)

/* Reasons for which connections end in favour of a new one. */
enum ippfvs_eviction {
	IPPFVS_EVICTION_UNSPEC,
	IPPFVS_EVICTION_PAD,
	IPPFVS_EVICTION_CONFLICT,	/* closing, and its client opened another */
	IPPFVS_EVICTION_PRESSURE,	/* unconfirmed or closed, and a limit is reached */
	__IPPFVS_EVICTION_MAX
};
#define IPPFVS_EVICTION_MAX (__IPPFVS_EVICTION_MAX - 1)

#endif /* _UAPI_IPPFVS_H */
