# SPDX-License-Identifier: Apache-2.0
"""Every mode with IPv6, and behind VLANs: what families, tags and tunnels do to a frame adds up."""

import dataclasses

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt

from lab import *

WEB = Service()
WEB6 = Service(addr=VIP6, upstream=1, id=2)
OUTER4 = {"addr": "10.0.0.10", "snat": "10.0.0.1"}


def speak(r, service, server, **changes):
    client = CLIENT6 if service is WEB6 else CLIENT
    return Conversation(r, service, server, client=client, **changes)


@row
def families_dsr(r):
    for service in (WEB, WEB6):
        for out, port in ((RIGHT, LEFT), (RIGHT_QINQ, LEFT_VLAN), (RIGHT, LEFT_VLAN), (RIGHT_QINQ, LEFT)):
            server = dataclasses.replace(A, mode="dsr", out=out)
            r.tables([service], [server])
            c = speak(r, service, server, port=port, sport=40000 + 10 * out + port)
            c.ask("flow_new", flags="S")
            c.ask(flags="PA", payload=b"as it came")


@row
def families_transparent(r):
    server = dataclasses.replace(A6, mode="transparent")
    r.tables([WEB6], [server])
    c = speak(r, WEB6, server).established()
    c.reply(flags="PA", payload=b"by its own address")


def outer(inner, over):
    """RFC 2003 section 3.1 (DF and identification: an IPv6 packet may not be fragmented)."""
    v6 = inner[0] >> 4 == 6
    return IP(src=over["snat"], dst=over["addr"], ttl=64, id=0, flags="DF", proto=41 if v6 else 4) / Raw(inner)


@row
def families_ipip_behind_vlans(r):
    for service, ip in ((WEB, {"flags": "DF"}), (WEB6, {}), (WEB6, {"ext": [IPv6ExtHdrDestOpt()] * 2})):
        for out, port in ((RIGHT, LEFT), (RIGHT_QINQ, LEFT_VLAN), (RIGHT, LEFT_VLAN), (RIGHT_QINQ, LEFT)):
            server = dataclasses.replace(A, mode="ipip", out=out, **OUTER4)
            r.tables([service], [server])
            c = speak(r, service, server, port=port, sport=40000 + 10 * out + port + 100 * len(ip.get("ext", ())))
            sent, _ = c.request(flags="S", ip=ip)
            inner = sent[14 + 4 * len(TAGS.get(port, ())) :]
            received = on_wire(out, PORT_MAC[out], server.mac, bytes(outer(inner, OUTER4)))
            r.forward(port, sent, out, received, "flow_new")
