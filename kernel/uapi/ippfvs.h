/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ippfvs: the generic netlink interface of the virtual server.
 *
 * This header is the only truth for numbers. pylvs mirrors it, and a test
 * compares the mirror with it name by name.
 *
 * Family "ippfvs", version IPPFVS_GENL_VERSION, multicast group "events".
 * Everything concerns the network namespace of the requesting socket.
 * Reading needs no privilege. Every change needs CAP_NET_ADMIN in the user
 * namespace that owns the network namespace. Attributes are validated
 * strictly: an unknown attribute, a wrong length, an unknown flag or a value
 * out of range is refused with -EINVAL (-ERANGE), a sentence in
 * NLMSGERR_ATTR_MSG and the offending attribute in NLMSGERR_ATTR_OFFS.
 * A refused request has changed nothing. (A refused dump tells no attribute on
 * kernels that cannot, such as 6.1.)
 *
 * The message tree
 * ----------------
 * Every message carries at its top level only attributes of
 * enum ippfvs_attr; each is a nest of one noun:
 *
 *   IPPFVS_A_SERVICE                     a service (virtual server)
 *     IPPFVS_SERVICE_ADDRESS    binary   VIP; 4 bytes IPv4, 16 bytes IPv6
 *     IPPFVS_SERVICE_PROTOCOL   u8       IPPROTO_TCP or IPPROTO_UDP
 *     IPPFVS_SERVICE_PORT       be16     0, or absent: every port
 *     IPPFVS_SERVICE_SCHEDULER  string   "rr", "wrr", "lc", "wlc"; absent in
 *                                        NEW: "wlc"; absent in SET: keep
 *     IPPFVS_SERVICE_STATS      nest     answers only; enum ippfvs_stats_attr
 *     IPPFVS_SERVICE_REALS      u32      answers only; how many real servers
 *   The first three are the key by which a request names a service.
 *
 *   IPPFVS_A_REAL                        a real server of that service
 *     IPPFVS_REAL_ADDRESS       binary   RIP; the service's family
 *     IPPFVS_REAL_PORT          be16     0, or absent: the service's own
 *     IPPFVS_REAL_WEIGHT        u32      0..IPPFVS_WEIGHT_MAX; absent in NEW: 1;
 *                                        0 takes no new connection
 *     IPPFVS_REAL_METHOD        u8       enum ippfvs_method; absent in NEW: local
 *                                        for a loopback or own address, else NAT
 *                                        when a port is given, else the default
 *                                        method of the namespace; absent in SET:
 *                                        keep
 *     IPPFVS_REAL_STATS         nest     answers only
 *     IPPFVS_REAL_ACTIVE        u32      answers only; established connections
 *     IPPFVS_REAL_INACTIVE      u32      answers only; all others
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
 *     IPPFVS_CONFIG_CONN_MAX        u32  most connections; 0: a quarter of memory
 *     IPPFVS_CONFIG_VERSION         string  answers only; the module's version
 *     IPPFVS_CONFIG_CONNS           u32  answers only; connections now, with those
 *                                        that have ended and are not free yet
 *     IPPFVS_CONFIG_BUCKETS         u32  answers only; size of the table now
 *     IPPFVS_CONFIG_SERVICES        u32  answers only; how many services
 *     IPPFVS_CONFIG_SCHEDULERS      string  answers only; names, space between
 *
 *   IPPFVS_A_STATS                       sums of the namespace; answers only:
 *                                        enum ippfvs_stats_attr
 *   IPPFVS_A_DROPS                       one u64 for each reason of
 *                                        enum ippfvs_drop, which is its number
 *
 * Requests
 * --------
 *   SERVICE_NEW   SERVICE                     -EEXIST when there already
 *   SERVICE_SET   SERVICE(key, SCHEDULER)
 *   SERVICE_DEL   SERVICE(key)                its real servers go with it
 *   SERVICE_GET   dump: every service in the order of its making, many
 *                 SERVICEs in a message;
 *                 do: SERVICE(key), that one
 *   REAL_NEW      SERVICE(key), REAL          with NLM_F_CREATE a missing
 *                                             service is made in the same step,
 *                                             scheduled by SERVICE_SCHEDULER
 *   REAL_SET      SERVICE(key), REAL(key, WEIGHT, METHOD)
 *   REAL_DEL      SERVICE(key), REAL(key)     its connections: the next packet
 *                                             of a TCP one is answered by RST, of
 *                                             a UDP one scheduled anew
 *   REAL_GET      dump: of SERVICE(key) or, without one, of all services. A
 *                 message holds, any number of times, SERVICE(key, scheduler,
 *                 reals) followed by REALs of it; the next message may go on
 *                 with the same service
 *   CONN_GET      dump: all, or those of SERVICE(key), or of SERVICE and REAL;
 *                 many CONNs in a message.
 *                 A connection that lives during the whole dump is listed once
 *                 (but if another with the same hash comes or goes)
 *   CONFIG_GET    do: CONFIG
 *   CONFIG_SET    CONFIG                      each setting present is taken
 *   STATS_GET     do: STATS, DROPS
 *   ZERO          [SERVICE(key)]              its counters, or all, to zero
 *   REPLACE       [CONFIG] then, any number of times, SERVICE followed by its
 *                 REALs. One step: packets see the old set or the new one. A
 *                 fault in any attribute changes nothing. A real server that
 *                 stays (same service, address and port) keeps its connections
 *                 and counters. No SERVICE at all: everything is removed.
 *   RULES_GET     dump: what REPLACE takes, but the CONFIG: every service in the
 *                 order of its making as SERVICE(key, scheduler, reals) followed
 *                 by its REALs(key, weight, method), many in a message. A
 *                 service that does not fit goes on in the next message, with
 *                 its SERVICE repeated
 *
 * A dump that saw a change of the rules has NLM_F_DUMP_INTR set: ask again.
 *
 * Refusals, besides -EPERM, -EINVAL, -ERANGE, -ENOMEM
 *   -ESRCH            no such service
 *   -ENOENT           no such real server in that service
 *   -EEXIST           that service, or that real server of it, is there already
 *   -EAFNOSUPPORT     real server and service are of different families, or IPv6 is off
 *   -EPROTONOSUPPORT  unknown scheduler
 *   -EDOM             DR and TUN cannot change the port
 *   -ENOSPC           IPPFVS_SERVICES_MAX or IPPFVS_REALS_MAX reached
 *   -EADDRNOTAVAIL    no unicast address; loopback or link-local, which no client
 *                     reaches; or local asked for a foreign one
 *
 * Events: what SERVICE_NEW, SERVICE_SET, SERVICE_DEL, REAL_NEW, REAL_SET,
 * REAL_DEL and CONFIG_SET changed is sent to the group "events" under the same
 * command with the same attributes as in an answer (without counters); REPLACE
 * sends a REPLACE event with no attributes: read the set again.
 */
#ifndef _UAPI_IPPFVS_H
#define _UAPI_IPPFVS_H

#include <linux/types.h>

#define IPPFVS_GENL_NAME	"ippfvs"
#define IPPFVS_GENL_VERSION	1
#define IPPFVS_GENL_EVENTS	"events"

#define IPPFVS_WEIGHT_MAX	65535
#define IPPFVS_SCHEDULER_LEN	16	/* with the terminating NUL */
#define IPPFVS_SERVICES_MAX	65536	/* a namespace */
#define IPPFVS_REALS_MAX	16384	/* a service */
#define IPPFVS_TIMEOUT_MAX_S	2073600	/* 24 days */

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
	__IPPFVS_CONFIG_MAX
};
#define IPPFVS_CONFIG_MAX (__IPPFVS_CONFIG_MAX - 1)

/* All u64. "in" is from the client, "out" is from the real server. */
enum ippfvs_stats_attr {
	IPPFVS_STATS_UNSPEC,
	IPPFVS_STATS_PAD,
	IPPFVS_STATS_CONNS,		/* connections scheduled */
	IPPFVS_STATS_PACKETS_IN,
	IPPFVS_STATS_PACKETS_OUT,
	IPPFVS_STATS_BYTES_IN,		/* of the network layer, headers included */
	IPPFVS_STATS_BYTES_OUT,
	__IPPFVS_STATS_MAX
};
#define IPPFVS_STATS_MAX (__IPPFVS_STATS_MAX - 1)

/* How a packet reaches its real server. */
enum ippfvs_method {
	IPPFVS_METHOD_UNSPEC,
	IPPFVS_METHOD_NAT,		/* VS-NAT: addresses and ports rewritten */
	IPPFVS_METHOD_TUN,		/* VS-TUN: IP in IP */
	IPPFVS_METHOD_DR,		/* VS-DR: another MAC address */
	IPPFVS_METHOD_LOCAL,		/* Local Node: the director serves */
	__IPPFVS_METHOD_MAX
};
#define IPPFVS_METHOD_MAX (__IPPFVS_METHOD_MAX - 1)

/* State of a connection, TCP's in the words of RFC 9293. */
enum ippfvs_state {
	IPPFVS_STATE_NONE,
	IPPFVS_STATE_SYN_SENT,		/* the client's SYN has passed */
	IPPFVS_STATE_SYN_RECV,		/* and the server's SYN+ACK */
	IPPFVS_STATE_ESTABLISHED,
	IPPFVS_STATE_FIN_WAIT,		/* the client has closed */
	IPPFVS_STATE_CLOSE_WAIT,	/* the server has closed */
	IPPFVS_STATE_LAST_ACK,		/* both have; the last ACK is awaited */
	IPPFVS_STATE_TIME_WAIT,
	IPPFVS_STATE_CLOSED,		/* reset */
	IPPFVS_STATE_UDP,
	__IPPFVS_STATE_MAX
};
#define IPPFVS_STATE_MAX (__IPPFVS_STATE_MAX - 1)

/* Why a packet, or a connection, was refused. */
enum ippfvs_drop {
	IPPFVS_DROP_UNSPEC,
	IPPFVS_DROP_PAD,
	IPPFVS_DROP_NO_SERVER,		/* no real server takes connections */
	IPPFVS_DROP_NO_CONNECTION,	/* TCP, no SYN and no connection: RST */
	IPPFVS_DROP_SERVER_REMOVED,	/* its server was removed: RST to a client */
	IPPFVS_DROP_TABLE_FULL,		/* CONN_MAX, conn_limit, or too many of one client */
	IPPFVS_DROP_NO_MEMORY,		/* for a connection, or for headers */
	IPPFVS_DROP_TUPLE_IN_USE,	/* two clients' flows would look alike */
	IPPFVS_DROP_ICMP_CHECKSUM,	/* an ICMP error with a wrong checksum */
	IPPFVS_DROP_TTL,		/* time to live, or hop limit, used up */
	IPPFVS_DROP_TOO_BIG,		/* larger than the path takes */
	IPPFVS_DROP_NO_ROUTE,		/* to the real server, or to the client */
	IPPFVS_DROP_NOT_WRITABLE,	/* it could not be changed: no memory, or LRO */
	IPPFVS_DROP_ICMP,		/* an ICMP error that could not be forwarded */
	IPPFVS_DROP_NO_LISTENER,	/* Local Node: nobody listens */
	__IPPFVS_DROP_MAX
};
#define IPPFVS_DROP_MAX (__IPPFVS_DROP_MAX - 1)

#endif /* _UAPI_IPPFVS_H */
