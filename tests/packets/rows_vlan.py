# SPDX-License-Identifier: Apache-2.0
"""VLANs: a port for each, so that replies get the client's tags and requests those of the backend's side."""

from lab import *

WEB = Service()
WEB6 = Service(addr=VIP6, turns=(1,), upstream=1, id=2)
DEEP = backend(0, out=RIGHT_QINQ)
DEEP6 = backend6(1, out=RIGHT_QINQ)


@row
def vlan_client_is_tagged(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A, port=LEFT_VLAN).established()
    c.ask(flags="PA", payload=b"tagged")
    c.reply(flags="PA", payload=b"back with the client's tag")


@row
def vlan_backend_is_tagged_twice(r):
    r.tables([WEB], [DEEP])
    c = Conversation(r, WEB, DEEP).established()
    c.reply(flags="PA", payload=b"odd")


@row
def vlan_both_sides(r):
    r.tables([WEB, WEB6], [DEEP, DEEP6])
    Conversation(r, WEB, DEEP, port=LEFT_VLAN).established()
    Conversation(r, WEB6, DEEP6, port=LEFT_VLAN, client=CLIENT6).established()


@row
def vlan_one_wire_two_vlans(r):
    """In and out by one interface, as a router on a stick: the tags make two ports of it."""
    near = backend(0, out=LEFT)
    r.tables([WEB], [near])
    Conversation(r, WEB, near, port=LEFT_VLAN).established()


@row
def vlan_priority_travels_along(r):
    r.tables([WEB], [DEEP])
    c = Conversation(r, WEB, DEEP, port=LEFT_VLAN)
    c.ask("flow_new", flags="S", priority=5)
    c.reply(flags="SA", priority=7)
    c.ask(flags="A", priority=0)


@row
def vlan_client_moves(r):
    """Its packets come by another VLAN: replies follow."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A).established()
    c.port = LEFT_VLAN
    c.ask(flags="A", seq=1001, ack=5001)
    c.reply(flags="A")
    c.port = LEFT
    c.ask(flags="A", seq=1001, ack=5001)
    c.reply(flags="A")


@row
def vlan_priority_tag_alone(r):
    """VLAN id 0: the port is the wire's own, and answers are not tagged."""
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A)
    sent, received = c.request(flags="S")
    tagged = sent[:12] + bytes.fromhex("8100a000") + sent[12:]
    r.forward(LEFT, tagged, RIGHT, received, "flow_new")
    c.reply(flags="SA")


@row
def vlan_nobodys(r):
    r.tables([WEB], [A])
    sent, _ = Conversation(r, WEB, A).request(flags="S")
    for tags in ("81000065", "88a80064", "81000064" * 2, "88a800c88100012c", "8100012c88a800c8", "88a800c8"):
        r.to_host(LEFT, sent[:12] + bytes.fromhex(tags) + sent[12:], "vlan")


@row
def vlan_mac_is_the_vlans_own(r):
    r.tables([WEB], [A])
    c = Conversation(r, WEB, A, port=LEFT_VLAN)
    sent, _ = c.request(flags="S")
    r.to_host(LEFT_VLAN, bytes.fromhex(PORT_MAC[LEFT].replace(":", "")) + sent[6:], "other_mac")
    c.opened()


@row
def vlan_not_ip(r):
    r.tables([WEB], [A])
    r.to_host(LEFT_VLAN, link(CLIENT_MAC, "ff:ff:ff:ff:ff:ff", TAGS[LEFT_VLAN], 0x0806) + b"\0" * 28, "not_ip")
