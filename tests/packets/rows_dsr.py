# SPDX-License-Identifier: Apache-2.0
"""dsr: the MACs change, nothing else. With flows (a backend is kept), and without (the slot table is all there is)."""

import dataclasses

import model
from lab import *

D, E, F = (backend(number, mode="dsr") for number in range(3))
WEB = Service(turns=(0, 1))


@row
def dsr_only_the_macs_change(r):
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D)
    c.ask("flow_new", flags="SEC", options=[("MSS", 1460), ("WScale", 7)], ip={"ttl": 1, "tos": 0xB9})
    c.ask(flags="A", pad=b"\x55" * 6)
    c.ask(flags="PA", payload=b"GET / HTTP/1.1\r\n\r\n", ip={"id": 7, "flags": "DF"})


@row
def dsr_flow_keeps_its_backend(r):
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    r.tables([Service(turns=(1,))], [D, E])
    c.ask(flags="A")
    c.ask(flags="PA", payload=b"still to d")
    Conversation(r, WEB, E, sport=40001).opened()


@row
def dsr_established_by_the_clients_ack(r):
    """A handshake has the connect time, a connection the idle time."""
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    r.age(59_000)
    c.ask(flags="A", seq=1001, ack=5001)
    r.age(599_000)
    c.ask(flags="A", seq=1001, ack=5002)
    r.age(EXPIRED)
    sent, _ = c.request(flags="A", seq=1001, ack=5003)
    r.drop(LEFT, sent, "no_flow")


@row
def dsr_unanswered_syn_expires(r):
    r.tables([WEB], [D, E])
    Conversation(r, WEB, D).opened()
    r.age(61_000)
    Conversation(r, WEB, E).opened()


@row
def dsr_closed_by_the_clients_fin_rests_after_its_last_ack(r):
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    c.ask(flags="A")
    c.ask(flags="FA")
    for _ in range(3):  # the backend goes on sending
        r.age(59_000)
        c.ask(flags="A")
    r.age(61_000)
    sent, _ = c.request(flags="A")
    r.drop(LEFT, sent, "no_flow")


@row
def dsr_syn_after_a_close_is_a_new_flow(r):
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    c.ask(flags="A")
    c.ask(flags="R")
    Conversation(r, WEB, E).opened().ask(flags="A")


@row
def dsr_forged_reset_is_taken_back(r):
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    c.ask(flags="A")
    c.ask(flags="R", seq=77)
    c.ask(flags="PA", payload=b"still here")
    r.age(120_000)
    c.ask(flags="A")


@row(flow_buckets=1)
def dsr_syn_flood_takes_no_established_flow(r):
    one = Service(turns=(0,))
    r.tables([one], [D])
    flows = [Conversation(r, one, D, sport=40000 + i).opened() for i in range(7)]
    for c in flows:
        c.ask(flags="A")
    for i in range(32):
        Conversation(r, one, D, sport=50000 + i, client="203.0.113.9").opened()
    for c in flows:
        c.ask(flags="PA", payload=b"alive")


@row(flow_buckets=1)
def dsr_udp_second_packet_establishes(r):
    dns = Service(port=53, protocol="udp", turns=(0,))
    r.tables([dns], [D])
    flows = [Conversation(r, dns, D, sport=40000 + i) for i in range(8)]
    for c in flows:
        c.ask("flow_new", payload=b"1")
    for c in flows[:7]:
        c.ask(payload=b"2")
    for i in range(9):  # single packets compete with themselves
        Conversation(r, dns, D, sport=50000 + i).ask("flow_new", payload=b"x")
    for c in flows[:7]:
        c.ask(payload=b"3", chksum=0)


@row
def dsr_needs_no_source_ports(r):
    bare = dataclasses.replace(D, snat="0.0.0.0", snat_low=0, snat_high=0)
    r.tables([Service(turns=(0,))], [bare])
    for sport in range(40000, 40008):
        Conversation(r, Service(turns=(0,)), bare, sport=sport).opened()


@row
def dsr_backend_in_the_same_link_as_the_client(r):
    near = dataclasses.replace(D, out=LEFT)
    r.tables([Service(turns=(0,))], [near])
    Conversation(r, Service(turns=(0,)), near).opened().ask(flags="A")


@row
def dsr_and_nat_in_one_upstream(r):
    r.tables([WEB], [D, B])
    Conversation(r, WEB, D, sport=40000).opened().ask(flags="A")
    Conversation(r, WEB, B, sport=40001).established()


@row
def dsr_mode_that_changed_under_a_flow(r):
    """Control gives a backend that changes its mode a new id; a table that does not is refused."""
    r.tables([WEB], [D, E])
    c = Conversation(r, WEB, D).opened()
    r.tables([WEB], [A, B])
    sent, _ = c.request(flags="A")
    r.drop(LEFT, sent, "bad_tables")


TABLE = tuple((i * 7 + i // 3) % 3 for i in range(251))
FREE = Service(method="maglev", slots=TABLE, stateless=True)


def follow(r, service, servers, sport, **what):
    slot = model.maglev_slot(len(service.slots), CLIENT, sport, service.addr, service.port, service.protocol)
    c = Conversation(r, service, servers[service.slots[slot]], sport=sport)
    c.ask("stateless", **what)
    return c


@row
def stateless_each_packet_follows_the_table(r):
    r.tables([FREE], [D, E, F])
    for sport in range(40000, 40012):
        for flags in ("S", "A", "PA", "FA", "R", "SA"):  # a SYN or not is all one
            follow(r, FREE, (D, E, F), sport, flags=flags)


@row
def stateless_udp(r):
    dns = dataclasses.replace(FREE, port=53, protocol="udp")
    r.tables([dns], [D, E, F])
    for sport in range(40000, 40006):
        follow(r, dns, (D, E, F), sport, payload=b"q", chksum=0)


@row(flow_buckets=1)
def stateless_fills_no_table(r):
    r.tables([FREE, WEB2 := Service(port=443, turns=(0,), id=2)], [D, E, F])
    for sport in range(40000, 40064):
        follow(r, FREE, (D, E, F), sport, flags="A")
    Conversation(r, WEB2, D).opened()


@row
def stateless_by_address(r):
    service = dataclasses.replace(FREE, method="maglev_address")
    r.tables([service], [D, E, F])
    server = (D, E, F)[TABLE[model.maglev_address_slot(251, CLIENT)]]
    for sport in (40000, 50000, 60000):
        Conversation(r, service, server, sport=sport).ask("stateless", flags="A")


@row
def stateless_ip_hash(r):
    service = Service(method="ip_hash", turns=(0, 1, 2), slots=(0, 1, 2, 1), stateless=True)
    r.tables([service], [D, E, F])
    for net in (1, 2, 3, 77, 200):
        client = f"203.0.{net}.1"
        slot = next(model.ip_hash_slots(4, client))
        c = Conversation(r, service, (D, E, F)[service.slots[slot]], client=client)
        c.ask("stateless", flags="PA", payload=b"x")


@row
def stateless_follows_a_new_table_at_once(r):
    r.tables([FREE], [D, E, F])
    follow(r, FREE, (D, E, F), 40000, flags="S")
    other = dataclasses.replace(FREE, slots=(2,) * 251)
    r.tables([other], [D, E, F])
    Conversation(r, other, F).ask("stateless", flags="A")


@row
def stateless_draining_goes_on(r):
    leaving = dataclasses.replace(FREE, draining=True)
    r.tables([leaving], [D, E, F])
    follow(r, leaving, (D, E, F), 40000, flags="A")


@row
def stateless_without_a_backend(r):
    nobody = dataclasses.replace(FREE, slots=(None,) * 7)
    r.tables([nobody], [D])
    sent, _ = Conversation(r, nobody, D).request(flags="A")
    r.drop(LEFT, sent, "no_backend")
    lost = dataclasses.replace(D, reachable=False)
    r.tables([dataclasses.replace(FREE, slots=(0,))], [lost])
    r.drop(LEFT, sent, "no_next_hop")


@row
def stateless_with_a_backend_that_needs_flows(r):
    service = dataclasses.replace(FREE, slots=(0,))
    sent, _ = Conversation(r, service, A).request(flags="S")
    for mode in ("nat", "transparent"):
        r.tables([service], [dataclasses.replace(A, mode=mode)])
        r.drop(LEFT, sent, "bad_tables")
