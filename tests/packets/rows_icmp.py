# SPDX-License-Identifier: Apache-2.0
"""ICMP errors about packets of weir's: which end they go to, and what they quote when they get there.

Each error is built by scapy twice: around the packet as its sender saw it, and around the one that the other end has sent.
"""

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import *

WEB = Service(turns=(0,))
DNS = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)
ROUTER, ROUTER_MAC = "203.0.113.1", "02:cc:00:00:00:01"
INNER_ROUTER, INNER_MAC = "10.0.0.254", "02:cc:00:00:00:fe"
ERRORS = (
    {"type": 3, "code": 0}, {"type": 3, "code": 1}, {"type": 3, "code": 2}, {"type": 3, "code": 3},
    {"type": 3, "code": 4, "nexthopmtu": 1280}, {"type": 3, "code": 10}, {"type": 3, "code": 13},
    {"type": 11, "code": 0}, {"type": 11, "code": 1}, {"type": 12, "code": 0, "ptr": 9},
)


def l3(frame_):
    """A frame's IP packet, without Ethernet."""
    return split_link(frame_)[1]


def error(src_mac, dst_mac, src, dst, quoted, kind, pad=b"", port=None, **ip):
    packet = IP(src=src, dst=dst, **ip) / ICMP(**kind) / Raw(quoted)
    return on_wire(port, src_mac, dst_mac, bytes(packet), pad)


class Errors:
    """Errors about a conversation's packets, on both sides of weir."""

    def __init__(self, conversation):
        self.c = conversation

    def about_answer(self, kind, cut=None, pad=b"", quote=None, outer=None, **packet):
        """A router could not bring the client what the service sent: (as it comes, as the backend must get it)."""
        c, outer = self.c, outer or {}
        backend_sent, client_gets = (l3(one) for one in c.answer(**packet))
        backend_sent, client_gets = hop_later(backend_sent)[:cut], client_gets[:cut]
        came = error(
            ROUTER_MAC, PORT_MAC[c.port], ROUTER, c.service.addr, client_gets, kind, pad, port=c.port, **outer
        )
        server, outer = c.server, {"ttl": 63} | outer
        leaves = error(
            PORT_MAC[server.out], server.mac, server.snat, server.addr, backend_sent, kind, pad, port=server.out, **outer
        )
        return came, leaves

    def about_request(self, kind, cut=None, pad=b"", outer=None, **packet):
        """A router (or the backend) could not take what weir sent: (as it comes, as the client must get it)."""
        c, outer = self.c, outer or {}
        client_sent, backend_gets = (l3(one) for one in c.request(**packet))
        client_sent, backend_gets = hop_later(client_sent)[:cut], backend_gets[:cut]
        server = c.server
        came = error(
            INNER_MAC, PORT_MAC[server.out], INNER_ROUTER, server.snat, backend_gets, kind, pad, port=server.out, **outer
        )
        outer = {"ttl": 63} | outer
        leaves = error(
            PORT_MAC[c.port], c.mac, c.service.addr, c.client, client_sent, kind, pad, port=c.port, **outer
        )
        return came, leaves

    def to_backend(self, kind, **packet):
        came, leaves = self.about_answer(kind, **packet)
        self.c.row.forward(self.c.port, came, self.c.server.out, leaves, "icmp_error")

    def to_client(self, kind, **packet):
        came, leaves = self.about_request(kind, **packet)
        self.c.row.forward(self.c.server.out, came, self.c.port, leaves, "icmp_error")


@row
def icmp_every_error_about_tcp(r):
    r.tables([WEB], [A])
    e = Errors(Conversation(r, WEB, A).established())
    for kind in ERRORS:
        e.to_backend(kind, flags="A", seq=5001, ack=1001, payload=b"x" * 100)
        e.to_client(kind, flags="A", seq=1001, ack=5001, payload=b"y" * 99)


@row
def icmp_every_error_about_udp(r):
    r.tables([DNS], [A])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"question")
    e = Errors(c)
    for kind in ERRORS:
        e.to_backend(kind, payload=b"answer")
        e.to_client(kind, payload=b"question")


@row
def icmp_error_goes_to_its_own_backend(r):
    two = Service(turns=(0, 1))
    r.tables([two], [A, B])
    first = Conversation(r, two, A).established()
    second = Conversation(r, two, B, sport=40001).established()
    for c in (second, first, second):
        Errors(c).to_backend(ERRORS[4], flags="A", seq=5001, ack=1001, payload=b"x" * 600)
        Errors(c).to_client(ERRORS[4], flags="A", seq=1001, ack=5001, payload=b"x" * 600)


@row
def icmp_eight_bytes_are_enough(r):
    """RFC 792: the IP header and eight bytes; a TCP header's checksum lies behind them."""
    r.tables([WEB, DNS], [A])
    tcp = Errors(Conversation(r, WEB, A).established())
    for cut in [*range(28, 37), *range(38, 60)]:
        tcp.to_backend(ERRORS[4], cut=cut, flags="A", seq=5001, ack=1001, payload=b"z" * 20)
        tcp.to_client(ERRORS[4], cut=cut, flags="A", seq=1001, ack=5001, payload=b"z" * 20)
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"question")
    for cut in range(28, 34):
        Errors(c).to_backend(ERRORS[3], cut=cut, payload=b"answer")
        Errors(c).to_client(ERRORS[3], cut=cut, payload=b"question")


@row
def icmp_half_a_checksum_is_left_alone(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    backend_sent, client_gets = (l3(one) for one in c.answer(flags="A", seq=5001, ack=1001))
    backend_sent, client_gets = bytearray(hop_later(backend_sent)[:37]), client_gets[:37]
    backend_sent[36] = client_gets[36]
    came = error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, VIP, bytes(client_gets), ERRORS[4])
    leaves = error(PORT_MAC[RIGHT], A.mac, A.snat, A.addr, bytes(backend_sent), ERRORS[4], ttl=63)
    r.forward(LEFT, came, RIGHT, leaves, "icmp_error")


@row
def icmp_padding_is_no_quote(r):
    """An eight-byte quote in a frame of 60 bytes or more: what follows the IP packet is left alone."""
    r.tables([WEB], [A])
    e = Errors(Conversation(r, WEB, A).established())
    for pad in (b"\0" * 4, b"\xee" * 12, b"\xee" * 40):
        e.to_backend(ERRORS[4], cut=28, pad=pad, flags="A", seq=5001, ack=1001)
        e.to_client(ERRORS[4], cut=28, pad=pad, flags="A", seq=1001, ack=5001)


@row
def icmp_quoted_udp_without_checksum(r):
    r.tables([DNS], [A])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"question", chksum=0)
    Errors(c).to_backend(ERRORS[3], payload=b"answer", chksum=0)
    Errors(c).to_client(ERRORS[3], payload=b"question", chksum=0)


@row
def icmp_quoted_options(r):
    """IP options in the quoted header and in the error's own."""
    from scapy.layers.inet import IPOption

    r.tables([WEB], [A])
    e = Errors(Conversation(r, WEB, A).established())
    for words in (1, 5, 10):
        options = [IPOption(b"\x01" * 4 * words)]
        for outer in ({}, {"options": [IPOption(b"\x01" * 40)]}):
            e.to_backend(ERRORS[0], outer=outer, ip={"options": options}, flags="A", seq=5001, ack=1001)
            e.to_client(ERRORS[0], outer=outer, ip={"options": options}, flags="A", seq=1001, ack=5001)


@row
def icmp_damage_stays_visible(r):
    """A wrong checksum is as wrong behind weir as before: the difference is the same."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    came, leaves = Errors(c).about_answer(ERRORS[1], flags="A", seq=5001, ack=1001, payload=b"abcd")
    came, leaves = bytearray(came), bytearray(leaves)
    for frame_ in (came, leaves):
        frame_[-1] ^= 0x40  # in what is quoted of the payload
    r.forward(LEFT, bytes(came), RIGHT, bytes(leaves), "icmp_error")


@row
def icmp_error_changes_no_flow(r):
    """It neither closes the flow, nor keeps it alive, nor says where the client is."""
    r.tables([DNS], [A])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=b"question")
    c.reply(payload=b"answer")
    e = Errors(c)
    r.age(EXPIRED - 2000)
    e.to_backend(ERRORS[3], payload=b"answer")
    e.to_client(ERRORS[3], payload=b"question")
    r.age(2000)
    came, _ = e.about_answer(ERRORS[3], payload=b"answer")
    r.to_host(LEFT, came, "icmp")


@row
def icmp_error_after_close(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="R", seq=1001)
    Errors(c).to_client(ERRORS[3], flags="R", seq=1001)


@row
def icmp_of_nobody_is_the_hosts(r):
    r.tables([WEB, DNS], [A])
    c = Conversation(r, WEB, A).established()
    stranger = Conversation(r, WEB, A, sport=40009)
    for kind in ERRORS:
        came, _ = Errors(stranger).about_answer(kind, flags="A", seq=1, ack=1)
        r.to_host(LEFT, came, "icmp")
        came, _ = Errors(stranger).about_request(kind, flags="A", seq=1, ack=1)
        r.to_host(RIGHT, came, "icmp")
    # Of the host's own: neither a service's nor a source port of weir's.
    own = IP(src=VIP, dst=CLIENT) / TCP(sport=22, dport=5555)
    r.to_host(LEFT, error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, VIP, bytes(own), ERRORS[1]), "icmp")
    # Not addressed to whom the quoted packet came from.
    came, _ = Errors(c).about_answer(ERRORS[1], flags="A", seq=5001, ack=1001)
    other = Ether(came)
    other[IP].dst = "192.0.2.11"
    del other[IP].chksum
    r.to_host(LEFT, bytes(other), "icmp")


@row
def icmp_that_is_no_error_is_the_hosts(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    for kind in ({"type": 8}, {"type": 0}, {"type": 13}, {"type": 9}, {"type": 40}, {"type": 255}):
        packet = Ether(src=CLIENT_MAC, dst=PORT_MAC[LEFT]) / IP(src=CLIENT, dst=VIP) / ICMP(**kind) / Raw(b"x" * 40)
        r.to_host(LEFT, bytes(packet), "icmp")
    for kind in ({"type": 4}, {"type": 5, "gw": ROUTER}):
        came, _ = Errors(c).about_answer(kind, flags="A", seq=5001, ack=1001)
        r.to_host(LEFT, came, "icmp")


@row
def icmp_quotes_too_little(r):
    r.tables([WEB], [A])
    e = Errors(Conversation(r, WEB, A).established())
    for cut in range(28):
        came, _ = e.about_answer(ERRORS[4], cut=cut, flags="A", seq=5001, ack=1001)
        r.to_host(LEFT, came, "icmp_short")
        came, _ = e.about_request(ERRORS[4], cut=cut, pad=b"\xee" * 64, flags="A", seq=1001, ack=5001)
        r.to_host(RIGHT, came, "icmp_short")


@row
def icmp_cut_at_each_byte(r):
    """The frame ends before the IP packet does."""
    r.tables([WEB], [A])
    came, _ = Errors(Conversation(r, WEB, A).established()).about_answer(ERRORS[4], flags="A", seq=5001, ack=1001)
    for length in range(14, len(came)):
        r.drop(LEFT, came[:length], "truncated")


@row
def icmp_own_header_cut(r):
    r.tables([WEB], [A])
    for length in range(8):
        packet = Ether(src=ROUTER_MAC, dst=PORT_MAC[LEFT]) / IP(src=ROUTER, dst=VIP, proto=1) / Raw(b"\3" * length)
        r.drop(LEFT, bytes(packet), "truncated")
        r.drop(LEFT, bytes(packet) + b"\3" * 40, "truncated")


@row
def icmp_quotes_garbage(r):
    """The quoted header lies: another version, a header of 0 to 60 bytes, another protocol, a later fragment."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    good = l3(c.answer(flags="A", seq=5001, ack=1001)[1])

    def quote(changes):
        bad = bytearray(good)
        for at, value in changes.items():
            bad[at] = value
        return error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, VIP, bytes(bad), ERRORS[1])

    for first in (0x00, 0x35, 0x40, 0x41, 0x44, 0x65, 0xF5):
        r.to_host(LEFT, quote({0: first}), "icmp")
    for first in (0x4A, 0x4F):
        r.to_host(LEFT, quote({0: first}), "icmp_short")
    for protocol in (0, 1, 2, 4, 41, 47, 58, 255):
        r.to_host(LEFT, quote({9: protocol}), "icmp")
    r.to_host(LEFT, quote({6: 0x00, 7: 0x01}), "icmp")
    r.to_host(LEFT, quote({6: 0x3F, 7: 0xFF}), "icmp")
    r.to_host(LEFT, quote({0: 0x46}), "icmp")  # ports are elsewhere then, and no flow's


@row
def icmp_next_hop_unknown(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    r.tables([WEB], [backend(0, reachable=False)])
    came, _ = Errors(c).about_answer(ERRORS[4], flags="A", seq=5001, ack=1001)
    r.drop(LEFT, came, "no_next_hop")


@row
def icmp_error_about_a_flow_that_a_service_hides(r):
    """The quoted packet came from a source port that is a service's by now."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    young = Service(addr=A.snat, port=c.source, turns=(0,), upstream=1, id=3)
    r.tables([WEB, young], [A])
    Errors(c).to_client(ERRORS[3], flags="A", seq=1001, ack=5001)


@row
def icmp_across_vlans(r):
    """The tags are those of the port that the flow's other end is behind."""
    deep = backend(0, out=RIGHT_QINQ)
    r.tables([WEB], [deep])
    for number, port in enumerate((LEFT, LEFT_VLAN)):
        e = Errors(Conversation(r, WEB, deep, sport=40000 + number, port=port).established())
        for kind in ERRORS:
            e.to_backend(kind, flags="A", seq=5001, ack=1001, payload=b"x" * 100)
            e.to_client(kind, flags="A", seq=1001, ack=5001, payload=b"y" * 99)


@row
def icmp_ttl_used_up(r):
    r.tables([WEB], [A])
    e = Errors(Conversation(r, WEB, A).established())
    for left in (0, 1):
        came, _ = e.about_answer(ERRORS[4], outer={"ttl": left}, flags="A", seq=5001, ack=1001)
        r.drop(LEFT, came, "ttl")
        came, _ = e.about_request(ERRORS[4], outer={"ttl": left}, flags="A", seq=1001, ack=5001)
        r.drop(RIGHT, came, "ttl")


@row
def icmp_in_transparent_mode(r):
    """RFC 5508 REQ-4: the backend, which has a way to the client, sees which router it was."""
    open_ = backend(0, mode="transparent")
    r.tables([WEB], [open_])
    c = Conversation(r, WEB, open_).established()
    for kind in ERRORS:
        backend_sent, client_gets = (l3(one) for one in c.answer(flags="A", seq=5001, ack=1001, payload=b"x" * 99))
        came = error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, VIP, client_gets, kind)
        leaves = error(PORT_MAC[RIGHT], open_.mac, ROUTER, open_.addr, hop_later(backend_sent), kind, ttl=63)
        r.forward(LEFT, came, RIGHT, leaves, "icmp_error")
        client_sent, backend_gets = (l3(one) for one in c.request(flags="A", seq=1001, ack=5001, payload=b"y" * 98))
        came = error(INNER_MAC, PORT_MAC[RIGHT], INNER_ROUTER, CLIENT, backend_gets, kind)
        leaves = error(PORT_MAC[LEFT], CLIENT_MAC, VIP, CLIENT, hop_later(client_sent), kind, ttl=63)
        r.forward(RIGHT, came, LEFT, leaves, "icmp_error")


def behind(server, came):
    """What came, DF set, as a dsr or ipip backend gets it."""
    whole = l3(came)
    if server.mode == "ipip":
        whole = bytes(IP(src=server.snat, dst=server.addr, id=0, flags="DF", ttl=64, proto=4) / Raw(whole))
    return on_wire(RIGHT, PORT_MAC[RIGHT], server.mac, whole)


@row
def icmp_where_packets_stay_as_they_are(r):
    """dsr and ipip: the backend has the service's address, and gets the error as it came."""
    near, far = backend(0, mode="dsr"), backend(1, mode="ipip")
    services = [WEB, Service(addr="192.0.2.11", turns=(1,), upstream=1, id=2)]
    r.tables(services, [near, far])
    for service, server in zip(services, (near, far)):
        c = Conversation(r, service, server)
        sent, _ = c.request(flags="S", seq=1000, ip={"flags": "DF"})
        r.forward(LEFT, sent, RIGHT, behind(server, sent), "flow_new")
        for kind in ERRORS:
            client_gets = packet(service.addr, CLIENT, TCP(sport=80, dport=40000, flags="SA"))
            came = error(ROUTER_MAC, PORT_MAC[LEFT], ROUTER, service.addr, client_gets, kind, flags="DF")
            r.forward(LEFT, came, RIGHT, behind(server, came), "icmp_error")
