# SPDX-License-Identifier: Apache-2.0
"""Frames that are not for a service, and frames that lie about themselves."""

import dataclasses

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from lab import *

WEB = Service(turns=(0,))
DNS = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)


def from_client(layers, dst=None):
    return bytes(Ether(src=CLIENT_MAC, dst=dst or PORT_MAC[LEFT]) / layers)


def to_vip(l4, **fields):
    return from_client(IP(src=CLIENT, dst=VIP, **fields) / l4)


def syn(**fields):
    return TCP(sport=40000, dport=80, flags="S", **fields)


def query(**fields):
    return UDP(sport=40000, dport=53, **fields) / Raw(b"q")


@row
def parse_nothing_published(r):
    r.to_host(LEFT, to_vip(syn()), "no_tables")


@row
def parse_not_ip(r):
    r.tables([WEB], [A])
    r.to_host(LEFT, from_client(ARP(psrc=CLIENT, pdst=VIP), "ff:ff:ff:ff:ff:ff"), "not_ip")
    r.to_host(LEFT, bytes(Ether(src=CLIENT_MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / (b"\0" * 46)), "not_ip")
    r.to_host(LEFT, bytes(Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT], type=46) / (b"\0" * 46)), "not_ip")


@row
def parse_ipv6(r):
    r.tables([WEB], [A])
    r.to_host(LEFT, from_client(IPv6(src="2001:db8::1", dst="2001:db8::2") / syn()), "not_service")


@row
def parse_vlan(r):
    r.tables([WEB], [A])
    r.to_host(LEFT, from_client(Dot1Q(vlan=7) / IP(src=CLIENT, dst=VIP) / syn()), "vlan")
    r.to_host(LEFT, from_client(Dot1AD(vlan=8) / Dot1Q(vlan=7) / IP(src=CLIENT, dst=VIP) / syn()), "vlan")
    three = Dot1AD(vlan=8) / Dot1Q(vlan=7) / Dot1Q(vlan=6)
    r.to_host(LEFT, from_client(three / IP(src=CLIENT, dst=VIP) / syn()), "vlan")


@row
def parse_icmp(r):
    r.tables([WEB], [A])
    r.to_host(LEFT, to_vip(ICMP() / Raw(b"ping")), "icmp")


@row
def parse_other_protocols(r):
    r.tables([WEB], [A])
    for protocol in (2, 4, 41, 47, 50, 89, 112, 132, 255):
        r.to_host(LEFT, to_vip(Raw(b"\0" * 20), proto=protocol), "other_protocol")


@row
def parse_fragments(r):
    r.tables([WEB], [A])
    r.to_host(LEFT, to_vip(syn(), flags="MF", frag=10), "fragment")
    r.to_host(LEFT, to_vip(syn(), frag=20), "fragment")
    r.to_host(LEFT, to_vip(Raw(b"\0" * 8), frag=8191, proto=17), "fragment")


@row
def parse_dont_fragment_is_no_fragment(r):
    r.tables([WEB], [A])
    Conversation(r, WEB, A).ask("flow_new", flags="S", ip={"flags": "DF"})


@row
def parse_other_mac(r):
    r.tables([WEB], [A])
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:02:0a", PORT_MAC[RIGHT], "02:00:00:00:01:02"):
        r.to_host(LEFT, from_client(IP(src=CLIENT, dst=VIP) / syn(), mac), "other_mac")


@row
def parse_not_a_service(r):
    r.tables([WEB, DNS], [A])
    for l4 in (TCP(sport=40000, dport=81, flags="S"), TCP(sport=40000, dport=53, flags="S"),
               UDP(sport=40000, dport=80) / Raw(b"q"), TCP(sport=80, dport=40000, flags="SA")):
        r.to_host(LEFT, to_vip(l4), "not_service")
    r.to_host(LEFT, from_client(IP(src=CLIENT, dst="192.0.2.11") / syn()), "not_service")


@row(engines=("host", "dpdk"))  # the kernel refuses test frames below an Ethernet header
def parse_cut_in_ethernet(r):
    r.tables([WEB], [A])
    for length in (1, 6, 13):
        r.drop(LEFT, to_vip(syn())[:length], "truncated")


@row
def parse_cut_in_ip(r):
    r.tables([WEB], [A])
    for length in (14, 15, 24, 33):
        r.drop(LEFT, to_vip(syn())[:length], "truncated")


@row
def parse_cut_behind_ip(r):
    r.tables([WEB], [A])
    for length in (34, 35, 53):
        r.drop(LEFT, to_vip(syn())[:length], "truncated")
    for length in (34, 37, 41, 42):
        r.drop(LEFT, to_vip(query())[:length], "truncated")


@row
def parse_ip_payload_shorter_than_its_header(r):
    """The frame is long enough, but the IP length ends within TCP's or UDP's header."""
    r.tables([WEB, DNS], [A])
    for length in (20, 21, 39):
        r.drop(LEFT, to_vip(syn(), len=length), "truncated")
    for length in (20, 27):
        r.drop(LEFT, to_vip(query(), len=length), "truncated")


@row
def parse_ip_longer_than_frame(r):
    r.tables([WEB], [A])
    for length in (41, 1500, 65535):
        r.drop(LEFT, to_vip(syn(), len=length), "truncated")


@row
def parse_bad_ip_header(r):
    r.tables([WEB], [A])
    for version, ihl in ((4, 4), (4, 0), (5, 5), (6, 5), (0, 5), (15, 15)):
        r.drop(LEFT, to_vip(syn(), version=version, ihl=ihl), "ip_header")
    for ihl, length in ((5, 19), (5, 0), (6, 23), (15, 59)):
        r.drop(LEFT, to_vip(syn(), ihl=ihl, len=length), "ip_header")


@row
def parse_options_longer_than_packet(r):
    r.tables([WEB], [A])
    r.drop(LEFT, to_vip(syn(), ihl=15, len=60), "truncated")
    r.drop(LEFT, to_vip(syn(), ihl=10, len=41), "truncated")


@row
def parse_bad_tcp_offset(r):
    r.tables([WEB], [A])
    for offset in (0, 1, 4, 6, 15):
        r.drop(LEFT, to_vip(syn(dataofs=offset)), "tcp_header")


@row
def parse_bad_udp_length(r):
    r.tables([DNS], [A])
    for length in (0, 7, 10, 65535):
        r.drop(LEFT, to_vip(query(len=length)), "udp_header")


@row
def parse_wrong_ip_checksum(r):
    """Whatever is inside, and with options: IPv4's header checksum is checked."""
    r.tables([WEB], [A])
    for checksum in (0, 1, 0x8000, 0xFFFF):
        r.drop(LEFT, to_vip(ICMP(), chksum=checksum), "ip_checksum")
        r.drop(LEFT, to_vip(syn(), chksum=checksum), "ip_checksum")
        r.drop(LEFT, to_vip(syn(), chksum=checksum, options=[IPOption_NOP()] * 40), "ip_checksum")


@row
def parse_leaves_by_a_port_without_record(r):
    nowhere = backend(0, out=5)
    r.tables([WEB], [nowhere])
    r.drop(LEFT, to_vip(syn()), "port_unknown")


@row(ports=[*PORTS, GONE_PORT])
def parse_leaves_by_a_port_without_interface(r):
    """By either way through the engines; a flow goes on when its backend is behind another port again."""
    gone = dataclasses.replace(A, out=GONE)
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    r.tables([WEB], [gone])
    sent, _ = c.request(flags="A", seq=1001, ack=5001)
    r.drop(LEFT, sent, "port_unknown")
    r.drop(LEFT, to_vip(syn()), "port_unknown")
    r.tables([WEB], [A])
    c.ask(flags="A", seq=1001, ack=5001)
    c.reply(flags="A", seq=5001, ack=1001)


@row(ports=[*PORTS, GONE_PORT])
def parse_stateless_leaves_by_a_port_without_interface(r):
    gone = dataclasses.replace(A, port=0, mode="dsr", out=GONE)
    r.tables([dataclasses.replace(WEB, method="maglev", turns=(), slots=(0,), stateless=True)], [gone])
    r.drop(LEFT, to_vip(syn()), "port_unknown")
