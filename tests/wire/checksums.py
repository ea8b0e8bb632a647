# SPDX-License-Identifier: Apache-2.0
"""Every checksum of a frame, judged by scapy: IP headers, TCP, UDP, ICMP and ICMPv6, of tunnels' inner packets and of
what ICMP errors quote too, as far as they are whole. Used by the packet rows and by the scenes; knows nothing of weir."""

from scapy.layers.inet import IP, in4_chksum
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.utils import checksum

ICMP, IPIP, TCP, UDP, IPV6, ROUTING, FRAGMENT, ICMP6 = 1, 4, 6, 17, 41, 43, 44, 58
NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMP6: "icmp6"}
EXTENSIONS = (0, ROUTING, 60)
TUNNEL_PORTS = (6080, 6082)  # gue, and what icmp_peers send each other
TAG_TYPES = (b"\x81\x00", b"\x88\xa8")
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}


class Checked:
    """What was looked at, and what of it is wrong."""

    def __init__(self):
        self.right, self.wrong = [], []

    def note(self, name, right):
        (self.right if right else self.wrong).append(name)


def word(data, at):
    return int.from_bytes(data[at : at + 2], "big")


def check_frame(frame):
    at = 12
    while frame[at : at + 2] in TAG_TYPES:
        at += 4
    checked = Checked()
    if frame[at : at + 2] in (b"\x08\x00", b"\x86\xdd"):
        check_ip(frame[at + 2 :], checked)
    return checked


def check_ip(data, checked, where=""):
    """The packet that starts `data`, whatever follows it."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        header = (data[0] & 15) * 4
        checked.note(f"{where}ip", header >= 20 and checksum(data[:header]) == 0)
        if word(data, 6) & 0x3FFF or header < 20:
            return  # a fragment: see Reassembly
        check_transport(data, data[9], header, word(data, 2), checked, where)
    if len(data) >= 40 and data[0] >> 4 == 6:
        protocol, at = step_over(data)
        if protocol is not None:
            check_transport(data, protocol, at, 40 + word(data, 4), checked, where)


def step_over(data):
    """What is behind IPv6's extension headers, and where; None: a fragment, or cut short."""
    protocol, at = data[6], 40
    while protocol in EXTENSIONS or protocol == FRAGMENT:
        if len(data) < at + 8 or (protocol == FRAGMENT and word(data, at + 2) & 0xFFF9):
            return None, at
        if protocol == ROUTING and data[at + 3]:
            return None, at  # the pseudo-header has an address of the routing header
        protocol, at = data[at], at + 8 * (1 + (0 if protocol == FRAGMENT else data[at + 1]))
    return protocol, at


def check_transport(data, protocol, at, end, checked, where):
    name, payload = where + NAMES.get(protocol, ""), data[at:end]
    whole = len(data) >= end
    if protocol in (IPIP, IPV6):
        check_ip(payload, checked, where + "inner ")
    elif protocol == UDP and len(payload) >= 8:
        tunnel = word(payload, 2) in TUNNEL_PORTS
        if word(payload, 6) != 0:
            if whole and word(payload, 4) <= len(payload):
                checked.note(name, summed(data, protocol, payload[: word(payload, 4)]) == 0)
        elif data[0] >> 4 == 6 and not tunnel:  # RFC 6935: a tunnel may, nobody else
            checked.note(name, False)
        if tunnel:
            check_ip(payload[8:], checked, where + "inner ")
    elif protocol in (TCP, ICMP, ICMP6):
        if whole:
            checked.note(name, summed(data, protocol, payload) == 0)
        if len(payload) >= 8 and payload[0] in ERRORS.get(protocol, ()):
            check_ip(payload[8:], checked, where + "quoted ")


def summed(data, protocol, payload):
    if protocol == ICMP:
        return checksum(payload)
    if data[0] >> 4 == 4:
        header = IP(data[:20])
        header.ihl, header.len = 5, 20 + len(payload)  # of what is summed: not a fragment, no options
        return in4_chksum(protocol, header, payload)
    return in6_chksum(protocol, IPv6(data[:40]), payload)


class Reassembly:
    """Fragments by datagram; a complete one is checked as if it had never been cut."""

    def __init__(self):
        self.parts = {}

    def add(self, frame, checked):
        at = 12
        while frame[at : at + 2] in TAG_TYPES:
            at += 4
        data = frame[at + 2 :]
        if frame[at : at + 2] == b"\x08\x00" and len(data) >= 20 and word(data, 6) & 0x3FFF:
            header = (data[0] & 15) * 4
            key = (data[12:20], data[9], data[4:6])
            self._add(key, word(data, 6) & 0x1FFF, bool(word(data, 6) & 0x2000), data[:header],
                      data[header : word(data, 2)], data[9], checked)
        elif frame[at : at + 2] == b"\x86\xdd" and len(data) >= 48 and data[6] == FRAGMENT:
            key = (data[8:40], data[40], data[44:48])
            self._add(key, word(data, 42) >> 3, bool(data[43] & 1), data[:40], data[48 : 40 + word(data, 4)],
                      data[40], checked)

    def _add(self, key, offset, more, header, payload, protocol, checked):
        parts = self.parts.setdefault(key, {})
        parts[offset * 8] = (payload, more, header)
        body = b""
        while len(body) in parts:
            payload, more, _ = parts[len(body)]
            body += payload
            if not more:
                whole = parts[0][2] + body
                check_transport(whole, protocol, len(parts[0][2]), len(whole), checked, "reassembled ")
                del self.parts[key]
                return
            if not payload:
                return
