/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the shared tables: one layout, two backing stores (mmapable BPF arrays; a
 * shared-memory segment). Control is the only writer of everything but the counters. Generation g
 * lives in half g & 1 of the double-buffered arrays; a reader loads `generation` once per packet or
 * burst and uses that half throughout.
 *
 *   control   one record: geometry, ports, the generation number (the one store that publishes)
 *   services  [2][services]         open addressing, found by (address, protocol, port)
 *   backends  [2][backends]         by backend id; an id keeps its meaning while any flow names it
 *   slots     [slot_lines]          an arena; a range is rewritten after its last reader is gone
 *   sources   [sources]             source addresses by index; written once, never taken back
 *   upstreams [upstreams]           what balancing remembers: outlives generations
 *   workers   [workers]             written by each worker alone: what it has seen, reasons
 *   counters  [workers][backends]   written by each worker alone
 *   flows, flow_refs                see flow.h; [workers][...] with DPDK, one set with XDP
 *   fragments [fragment_buckets * 4]  see fragment.h; one set for all workers
 */
#ifndef WEIR_TABLES_H
#define WEIR_TABLES_H

#include "reasons.h"
#include "types.h"
#include "wire.h"

#define WEIR_TABLES_MAGIC 0x7765697274626c73ull /* "weirtbls" */
#define WEIR_TABLES_ABI 7u

#define WEIR_PORT_CAPACITY 16
#define WEIR_SERVICE_PROBES                                               \
    8u /* the writer keeps every service within so many steps of its home \
        */
#define WEIR_SLOTS_PER_LINE 32u
#define WEIR_NO_BACKEND 0xffffu
#define WEIR_NO_PORT 0xffu
#define WEIR_LEAST_SOURCE_PORT 1024 /* control gives out no lower ones toward backends */

enum weir_port_kind {
    WEIR_PORT_NONE = 0,
    WEIR_PORT_NETWORK =
        1, /* clients and backends are there; the host sees what is not for a service */
    WEIR_PORT_HOST_LINK = 2, /* leads to the host's own stack: backends on this machine */
};

/* What a port needs of its engine. */
#define WEIR_PORT_REDIRECT                                                                  \
    1u /* XDP: leave by bpf_redirect even where packets come in (a veth peer without an XDP \
          program never takes what XDP_TX put into its ring) */

/*
 * A place where packets come and go. Index 0 is always the host link. A VLAN is a port of its own,
 * as it is an interface of its own to the kernel: frames of the parent with these tags arrive on
 * it, and what leaves by it gets them. The tags of a flow's client and backend follow from their
 * ports.
 */
struct weir_port {
    __u32 ifindex; /* of the kernel's interface that XDP redirects to (a VLAN: its parent's); 0 with
                      DPDK */
    struct weir_mac mac;
    __u8 kind; /* enum weir_port_kind */
    __u8 flags;
    __u8 tags;   /* 0: not a VLAN */
    __u8 parent; /* a VLAN: index of the port that its frames cross */
    __u8 unused[2];
    struct weir_tag tag[WEIR_TAGS]; /* outer one first; PCP and DEI are the packet's own */
};
WEIR_ASSERT(sizeof(struct weir_port) == 24, "ABI");

/* This host's own end of a port's link: whom an answer comes from, and what its packets fit into.
 */
struct weir_interface {
    struct weir_addr addr6; /* all zero: it has none that others may see */
    struct weir_be32 addr4; /* likewise */
    __u16 mtu;              /* of IP packets; 0: not known */
    __u16 unused;
};
WEIR_ASSERT(sizeof(struct weir_interface) == 24, "ABI");

#define WEIR_CONTROL_RANGES 1u    /* there are services with a range of ports */
#define WEIR_CONTROL_STATELESS 2u /* there are services without flows */

struct weir_control {
    __u64 magic;
    __u64 generation; /* 0: nothing published yet */
    __u32 abi;
    __u32 service_capacity; /* records in a half; a power of two */
    __u32 backend_capacity; /* records in a half */
    __u32 slot_lines;
    __u32 upstream_capacity;
    __u32 workers;
    __u32 flow_buckets; /* for each worker (XDP: in all), WEIR_FLOWS_PER_BUCKET flows each */
    __u32 ref_buckets;  /* likewise, WEIR_REFS_PER_BUCKET references each */
    __u32 flow_bits;    /* flow numbers are below 1 << flow_bits */
    __u32 source_capacity;
    __u64 seed; /* of weir_hash_tuple for flows */
    struct weir_port ports[WEIR_PORT_CAPACITY];
    __u32 fragment_buckets; /* one table for all workers; a power of two (fragment.h) */
    __u32 answers;          /* how many a worker may send in a tick (answer.h); 0: none */
    __u32 flags;            /* of the newest generation; older flows need none of it */
    __u16 reply_mtu;        /* what is no longer fits any port's link; 0xffff: none has one */
    __u8 unused[18];
    struct weir_interface interfaces[2][WEIR_PORT_CAPACITY]; /* a half for each generation, as of
                                                                services; by port */
};
WEIR_ASSERT(sizeof(struct weir_control) == 1248, "ABI");

enum weir_method {
    WEIR_METHOD_ROUND_ROBIN = 0,
    WEIR_METHOD_IP_HASH = 1,
    WEIR_METHOD_MAGLEV = 2,         /* over the tuple */
    WEIR_METHOD_MAGLEV_ADDRESS = 3, /* over the client's address */
};

#define WEIR_SERVICE_USED 1u
#define WEIR_SERVICE_DRAINING 2u /* known flows go on; no new ones */
#define WEIR_SERVICE_STATELESS                                              \
    4u /* no flows: each packet follows the slot table (dsr, ipip, gue with \
          a hashing method) */
#define WEIR_SERVICE_BY_PORT \
    8u /* transparent: a flow's worker follows from the client's port, which replies carry too */
#define WEIR_SERVICE_RESET_UNKNOWN \
    16u /* TCP of no flow that is no SYN gets a RST; else it is dropped */
#define WEIR_SERVICE_PEERS \
    32u /* stateless; its backends are the balancers of `icmp_peers` (peers.h) */

#define WEIR_PEER_PORT 6082 /* of such a service */
#define WEIR_PEER_LIST 4u   /* how many it has at most */

/* What clients address, with everything that choosing a backend needs. One cache line. */
struct weir_service {
    struct weir_addr addr;
    struct weir_be16 port;
    __u8 protocol;
    __u8 flags;
    __u32 id;
    __u32 slot_base; /* first slot of the method's own table */
    __u32 slot_count;
    __u32 turn_base;  /* first slot of the round-robin sequence: the method itself, or where ip_hash
                         ends up */
    __u32 turn_count; /* 0: no backend may take a flow */
    __u32 upstream;   /* index of its weir_upstream */
    __u16 idle;       /* proxy_timeout, as weir_span (clock.h) */
    __u16 connect;    /* proxy_connect_timeout, likewise */
    __u32 cid_base;   /* QUIC: first slot of the table from server id to backend */
    __u16 cid_count;  /* its slots; 0: connection ids are not read */
    __u16 port_high;  /* host order: last port of a range, which is found under port 0; else 0 */
    __u16 port_low;   /* host order: its first */
    __u8 cid_offset;  /* bytes of the connection id before the server id */
    __u8 cid_length;  /* bytes of the server id: 1 or 2 */
    __u8 method;
    __u8 unused[3];
};
WEIR_ASSERT(sizeof(struct weir_service) == 64, "one cache line a service");

#define WEIR_BACKEND_USED 1u
#define WEIR_BACKEND_REACHABLE 2u /* the next hop below is known */
#define WEIR_BACKEND_CHECKSUM 4u  /* gue: with an outer UDP checksum; IPv6 always has one */
#define WEIR_BACKEND_DOWN                                                                        \
    8u /* new flows avoid it; a UDP flow, or one whose SYN nobody has answered, moves to another \
          backend with its next packet */
#define WEIR_BACKEND_RESET \
    16u /* its flows end (proxy_session_drop): TCP by reset, UDP moves on as if it were down */

/* How packets reach a backend. */
enum weir_mode {
    WEIR_MODE_NAT = 0,         /* both addresses and ports rewritten; replies come back here */
    WEIR_MODE_TRANSPARENT = 1, /* destination only; replies are routed through here */
    WEIR_MODE_DSR = 2,         /* MACs only; the backend answers the client itself */
    WEIR_MODE_IPIP = 3,        /* in an IP header (RFC 2003, 2473); likewise */
    WEIR_MODE_GUE = 4,         /* in UDP (draft-ietf-intarea-gue, variant 1: the IP header follows);
                                  likewise */
};

struct weir_backend {
    struct weir_addr addr;
    struct weir_addr snat; /* the source address toward it */
    struct weir_be16 port;
    __u8 flags;
    __u8 out_port; /* index into ports */
    struct weir_mac next_hop;
    __u16 snat_low; /* source ports, host order, both included */
    __u16 snat_high;
    __u16 upstream; /* with addr and port, what an id stands for */
    __u16 source;   /* index of snat among the sources; the writer sets it */
    __u8 mode;      /* enum weir_mode */
    __u8 unused0;
    __u16 mtu;                    /* of the way there, for what is sent; 0: not known */
    __u16 mss;                    /* a SYN's MSS is lowered to this; 0: left alone */
    struct weir_be16 tunnel_port; /* gue: outer destination port */
    __u16 link_mtu; /* of the link to it or to the router before it: nothing longer leaves weir; 0:
                       not known */
    __u8 unused[4];
};
WEIR_ASSERT(sizeof(struct weir_backend) == 64, "one cache line a backend");

struct weir_slot_line {
    __u16 backend[WEIR_SLOTS_PER_LINE]; /* backend id or WEIR_NO_BACKEND */
};
WEIR_ASSERT(sizeof(struct weir_slot_line) == 64,
            "one cache line; BPF arrays have no 2-byte elements");

/* A source address that flows may name by index. */
struct weir_source {
    struct weir_addr addr; /* all zero: unused */
};

struct weir_upstream {
    __u64 turns; /* flows that round robin has placed; shared by all workers, as nginx's `zone` does
                  */
    __u64 name;  /* hash of its name, 0: unused; a restarted control finds its upstreams by it */
    __u64 unused[6];
};
WEIR_ASSERT(sizeof(struct weir_upstream) == 64, "no false sharing between upstreams");

/* What a DPDK worker does between polls. */
enum weir_rest {
    WEIR_REST_NONE = 0, /* polls on */
    WEIR_REST_NAP = 1,  /* sleeps for a moment */
    WEIR_REST_WAIT = 2, /* sleeps until an interrupt or another worker wakes it */
};

struct weir_worker {
    __u64 generation;  /* the newest one this worker has used for a burst (DPDK) */
    __u64 busy_cycles; /* in polls that found packets (DPDK) */
    __u64 all_cycles;
    __u64 heartbeat_ns; /* CLOCK_MONOTONIC of the last poll (DPDK) */
    __u64 rx_packets;
    __u64 tx_packets;
    __u64 polls;       /* (DPDK) */
    __u32 rest;        /* enum weir_rest (DPDK) */
    __u32 answer_tick; /* when `answers_left` was last filled up (answer.h) */
    __u32 answers_left;
    __u32 full_tick;     /* when a new flow has last found no dead place (flow.h) */
    __u32 full_count;    /* how many in a row have not in that tick */
    __u32 refused_count; /* of them, in a row: have found none that yields either */
    __u64 handed_on; /* replies that were addressed to a service, to the worker of their flow (DPDK)
                      */
    __u32 claim_hand; /* where the next new flow looks for a place, from the worker's start */
    __u32 claim_jump; /* where one looked that had to look elsewhere */
    __u8 unused[32];
    __u64 reason[WEIR_REASON_CAPACITY]; /* packets by reason */
};
WEIR_ASSERT(sizeof(struct weir_worker) == 640, "ABI; a multiple of a cache line");

struct weir_counters {
    __u64 flows;      /* ever started */
    __u64 packets_in; /* toward the backend */
    __u64 bytes_in;
    __u64 packets_out; /* from it */
    __u64 bytes_out;
    __u64 unused[3];
};
WEIR_ASSERT(sizeof(struct weir_counters) == 64, "no false sharing between workers");

#endif
