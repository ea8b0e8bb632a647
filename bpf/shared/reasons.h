/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The verdicts, and the one list of reasons. A packet ends in exactly one reason; the enum, the
 * counters, the names that weirctl prints and the documentation all come from this list. Append
 * only: a number is ABI.
 *
 *   X(NAME, verdict, "name", "what it means to an operator")
 */
#ifndef WEIR_REASONS_H
#define WEIR_REASONS_H

#define WEIR_REASONS(X)                                                                           \
    X(FLOW_HIT, FORWARD, "flow_hit", "packet of a known flow")                                    \
    X(FLOW_NEW, FORWARD, "flow_new", "first packet of a flow; a backend was chosen")              \
    X(NOT_IP, TO_HOST, "not_ip", "neither IPv4 nor IPv6 (ARP, LLDP, ...)")                        \
    X(EXTENSION_HEADERS, TO_HOST, "extension_headers",                                            \
      "IPv6 extension headers: too many, too long, or for a hop on the way")                      \
    X(VLAN, TO_HOST, "vlan", "of a VLAN that no port is in")                                      \
    X(ICMP, TO_HOST, "icmp", "ICMP or ICMPv6; the host answers")                                  \
    X(OTHER_PROTOCOL, TO_HOST, "other_protocol", "neither TCP nor UDP nor ICMP")                  \
    X(OTHER_MAC, TO_HOST, "other_mac",                                                            \
      "not sent to this port's MAC (flooded, broadcast, multicast)")                              \
    X(FRAGMENT, TO_HOST, "fragment", "an IP fragment; its ports are not read")                    \
    X(NOT_SERVICE, TO_HOST, "not_service", "no service has this destination, no flow this reply") \
    X(SERVICE_DRAINING, TO_HOST, "service_draining", "new flow for a service that was removed")   \
    X(NO_TABLES, TO_HOST, "no_tables", "nothing has been published yet")                          \
    X(FROM_HOST, FORWARD, "from_host", "sent by the host through its port")                       \
    X(TRUNCATED, DROP, "truncated", "shorter than its headers say")                               \
    X(IP_HEADER, DROP, "ip_header", "IP version, header length or total length is wrong")         \
    X(TCP_HEADER, DROP, "tcp_header", "TCP data offset is wrong")                                 \
    X(UDP_HEADER, DROP, "udp_header", "UDP length is wrong")                                      \
    X(NO_FLOW, DROP, "no_flow", "TCP of no known flow, and no SYN")                               \
    X(NO_BACKEND, DROP, "no_backend", "no backend of the service may take a new flow")            \
    X(NO_NEXT_HOP, DROP, "no_next_hop", "the backend's next hop (route, neighbour) is unknown")   \
    X(FLOW_TABLE_FULL, DROP, "flow_table_full", "no room for a new flow; raise `flows`")          \
    X(NO_SNAT_PORT, DROP, "no_snat_port", "no free source port toward the backend; add `snat`")   \
    X(BAD_TABLES, DROP, "bad_tables", "a table names a record that does not exist")               \
    X(HOST_LINK_STRAY, DROP, "host_link_stray", "from the host's link, but a reply of no flow")   \
    X(PORT_UNKNOWN, DROP, "port_unknown", "arrived on, or would leave by, a port without record") \
    X(HANDOFF_FULL, DROP, "handoff_full", "the ring to the flow's own worker was full")           \
    X(TX_FULL, DROP, "tx_full", "the port's transmit queue took no more")                         \
    X(NO_ROOM, DROP, "no_room", "the frame's buffer has no room for longer headers")              \
    X(TTL, DROP, "ttl", "TTL or hop limit used up, and nothing that may be answered")             \
    X(IP_CHECKSUM, DROP, "ip_checksum", "IPv4 header checksum is wrong")                          \
    X(LAND, DROP, "land", "new flow with the same source and destination address")                \
    X(MARTIAN, DROP, "martian", "source address that nobody has, or itself a service's")          \
    X(UDP_NO_CHECKSUM, DROP, "udp_no_checksum",                                                   \
      "UDP without checksum, which IPv6 does not allow (RFC 7915 section 4.5)")                   \
    X(ICMP_ERROR, FORWARD, "icmp_error", "ICMP error about a packet of a known flow")             \
    X(ICMP_SHORT, TO_HOST, "icmp_short", "ICMP error that quotes too little of its packet")       \
    X(RESET_SENT, FORWARD, "reset_sent", "answered with a TCP reset")                             \
    X(TOO_BIG_SENT, FORWARD, "too_big_sent",                                                      \
      "too long for the way to the backend, or the client; the sender was told so")               \
    X(ANSWER_LIMITED, DROP, "answer_limited", "would be answered, but enough have been just now") \
    X(FRAGMENT_TINY, DROP, "fragment_tiny",                                                       \
      "first fragment without its whole TCP or UDP header, or one that would overwrite it")       \
    X(STATELESS, FORWARD, "stateless", "by the slot table alone; the service keeps no flows")     \
    X(CLIENT_PORT_TAKEN, DROP, "client_port_taken",                                               \
      "transparent: another flow has the client's port toward the same backend")                  \
    X(BACKEND_RESET, DROP, "backend_reset", "its backend was removed or is down; flows end")      \
    X(FRAG_NEEDED, DROP, "frag_needed",                                                           \
      "too long for the way to its backend, and nothing that may be answered")                    \
    X(MUST_FRAGMENT, DROP, "must_fragment",                                                       \
      "IPv4 without DF, too long for IPv6 on its way, and nothing that may be answered")          \
    X(ICMP_UNTRANSLATABLE, DROP, "icmp_untranslatable",                                           \
      "ICMP error that the other end's family has no words for (RFC 7915 sections 4.2 and 5.2)")  \
    X(ICMP_TO_PEER, FORWARD, "icmp_to_peer",                                                      \
      "ICMP error of no flow here; passed on to a balancer of `icmp_peers`")                      \
    X(ICMP_NO_PEER, DROP, "icmp_no_peer",                                                         \
      "ICMP error of no flow, neither here nor at any of `icmp_peers`")                           \
    X(PEER_STRAY, DROP, "peer_stray",                                                             \
      "to the port of `icmp_peers`, but no ICMP error, or not from one of them")                  \
    X(TIME_EXCEEDED_SENT, FORWARD, "time_exceeded_sent",                                          \
      "TTL or hop limit used up; the sender was told so")

enum weir_verdict {
    WEIR_VERDICT_DROP = 0,
    WEIR_VERDICT_TO_HOST = 1,
    WEIR_VERDICT_FORWARD = 2,
};

#define WEIR_REASON_ENUM(name, verdict, text, meaning) WEIR_REASON_##name,
enum weir_reason { WEIR_REASON_NONE = 0, WEIR_REASONS(WEIR_REASON_ENUM) WEIR_REASON_COUNT };
#undef WEIR_REASON_ENUM

#define WEIR_REASON_CAPACITY \
    64 /* counters in the tables; fixed so that a new reason keeps the ABI */

#endif
