# SPDX-License-Identifier: Apache-2.0
"""transparent: the destination is rewritten, the backend sees the client's own address and port."""

import dataclasses

from lab import *

T, U = (backend(number, mode="transparent") for number in range(2))
WEB = Service(turns=(0, 1), by_port=True)
DNS = Service(port=53, protocol="udp", turns=(0, 1), by_port=True, id=2, upstream=1)


@row
def transparent_whole_connection(r):
    r.tables([WEB], [T, U])
    c = Conversation(r, WEB, T).established()
    c.ask(flags="PA", seq=1001, ack=5001, payload=b"GET / HTTP/1.1\r\n\r\n")
    c.reply(flags="PA", seq=5001, ack=1019, payload=b"HTTP/1.1 200 OK\r\n\r\n!")
    c.ask(flags="FA", seq=1019, ack=5021)
    c.reply(flags="FA", seq=5021, ack=1020)
    c.ask(flags="A", seq=1020, ack=5022)


@row
def transparent_udp(r):
    r.tables([DNS], [T, U])
    c = Conversation(r, DNS, T)
    c.ask("flow_new", payload=b"question")
    c.reply(payload=b"answer")
    c.ask(payload=b"unsummed", chksum=0)
    c.reply(payload=b"unsummed", chksum=0)
    Conversation(r, DNS, U, sport=40001).ask("flow_new", payload=b"q")


@row
def transparent_two_clients_of_one_port(r):
    one = Service(turns=(0,), by_port=True)
    r.tables([one], [T])
    a = Conversation(r, one, T).established()
    b = Conversation(r, one, T, client="198.51.100.8").established()
    a.reply(flags="PA", payload=b"a")
    b.reply(flags="PA", payload=b"b")


@row
def transparent_reopened_at_once(r):
    """The client is done with its port, so the backend must be, too."""
    one = Service(turns=(0,), by_port=True)
    r.tables([one], [T])
    for _ in range(3):
        c = Conversation(r, one, T).established()
        c.ask(flags="FA", seq=1001, ack=5001)
        c.reply(flags="FA", seq=5001, ack=1002)
        c.ask(flags="A", seq=1002, ack=5002)


@row
def transparent_one_port_at_two_services_with_one_backend(r):
    """The backend could not tell them apart."""
    one = Service(turns=(0,), by_port=True)
    two = Service(port=81, turns=(0,), by_port=True, id=2, upstream=1)
    r.tables([one, two], [T])
    c = Conversation(r, one, T).established()
    sent, _ = Conversation(r, two, T).request(flags="S")
    r.drop(LEFT, sent, "client_port_taken")
    c.reply(flags="PA", payload=b"undisturbed")
    c.ask(flags="R", seq=1001)
    Conversation(r, two, T).established().reply(flags="PA", payload=b"its turn")


@row
def transparent_needs_no_source_ports(r):
    bare = dataclasses.replace(T, snat="0.0.0.0", snat_low=0, snat_high=0)
    one = Service(turns=(0,), by_port=True)
    r.tables([one], [bare])
    Conversation(r, one, bare).established()


@row
def transparent_beside_nat(r):
    r.tables([WEB], [T, B])
    Conversation(r, WEB, T, sport=40000).established()
    c = Conversation(r, WEB, B, sport=40001).established()
    c.reply(flags="A")


@row
def transparent_reply_of_no_flow(r):
    r.tables([WEB], [T, U])
    c = Conversation(r, WEB, T).established()
    sent, _ = Conversation(r, WEB, T, sport=40001).answer(flags="A")
    r.to_host(RIGHT, sent, "not_service")
    sent, _ = Conversation(r, WEB, U).answer(flags="A")
    r.to_host(RIGHT, sent, "not_service")
