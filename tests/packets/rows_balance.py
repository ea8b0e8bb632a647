# SPDX-License-Identifier: Apache-2.0
"""Which backend a new flow gets, and when it gets none."""

import random

import model
from lab import *


def new_flow(r, service, server, sport, client=CLIENT):
    Conversation(r, service, server, sport=sport, client=client).ask("flow_new", flags="S")


@row
def balance_weights_5_1_1_as_nginx(r):
    service = Service(turns=(0, 0, 1, 0, 2, 0, 0))  # nginx's smooth weighted order
    r.tables([service], [A, B, C])
    for i in range(14):
        new_flow(r, service, (A, A, B, A, C, A, A)[i % 7], 40000 + i)


@row
def balance_two_services_share_their_upstreams_turns(r):
    one = Service(turns=(0, 1, 2))
    two = Service(port=443, turns=(0, 1, 2), id=2)
    r.tables([one, two], [A, B, C])
    for i in range(6):
        new_flow(r, (one, two)[i % 2], (A, B, C)[i % 3], 40000 + i)


@row
def balance_two_upstreams_take_turns_of_their_own(r):
    one = Service(turns=(0, 1))
    two = Service(port=443, turns=(0, 1), upstream=1, id=2)
    r.tables([one, two], [A, B])
    for i, (service, server) in enumerate(((one, A), (two, A), (one, B), (two, B), (one, A))):
        new_flow(r, service, server, 40000 + i)


@row
def balance_turns_go_on_across_generations(r):
    three = Service(turns=(0, 1, 2))
    two = Service(turns=(0, 1))
    r.tables([three], [A, B, C])
    new_flow(r, three, A, 40000)
    new_flow(r, three, B, 40001)
    new_flow(r, three, C, 40002)
    r.tables([two], [A, B, C])
    new_flow(r, two, B, 40003)  # turn 3 of 2
    new_flow(r, two, A, 40004)


@row
def balance_no_backend(r):
    nobody = Service(turns=())
    r.tables([nobody], [A])
    sent, _ = Conversation(r, nobody, A).request(flags="S")
    r.drop(LEFT, sent, "no_backend")


@row
def balance_turn_without_backend(r):
    service = Service(turns=(0, None))
    r.tables([service], [A])
    new_flow(r, service, A, 40000)
    sent, _ = Conversation(r, service, A, sport=40001).request(flags="S")
    r.drop(LEFT, sent, "no_backend")


@row
def balance_no_next_hop(r):
    lost = backend(0, reachable=False)
    service = Service(turns=(0,))
    r.tables([service], [lost])
    sent, _ = Conversation(r, service, lost).request(flags="S")
    r.drop(LEFT, sent, "no_next_hop")


@row
def balance_next_hop_lost_and_found(r):
    service = Service(turns=(0,))
    moved = backend(0)
    r.tables([service], [A])
    c = Conversation(r, service, A).established()
    sent, _ = c.request(flags="A")
    r.tables([service], [backend(0, reachable=False)])
    r.drop(LEFT, sent, "no_next_hop")
    moved = Backend(id=0, addr=A.addr, mac="02:bb:00:00:00:77")
    r.tables([service], [moved])
    c.server = moved
    c.ask(flags="A")
    c.reply(flags="A")


@row
def balance_table_names_no_backend(r):
    service = Service(turns=(7,))
    r.tables([service], [A])
    sent, _ = Conversation(r, service, A).request(flags="S")
    r.drop(LEFT, sent, "bad_tables")


@row
def balance_flow_of_a_vanished_backend(r):
    service = Service(turns=(0,))
    other = Service(turns=(1,))
    r.tables([service], [A, B])
    c = Conversation(r, service, A).established()
    r.tables([other], [B])
    sent, _ = c.request(flags="A")
    r.drop(LEFT, sent, "bad_tables")


@row
def balance_ip_hash(r):
    service = Service(method="ip_hash", turns=(0, 1, 2), slots=(0, 0, 1, 2))
    r.tables([service], [A, B, C])
    for i, net in enumerate((1, 2, 3, 77, 200)):
        for last in (1, 254):  # the last byte does not count
            client = f"203.0.{net}.{last}"
            slot = next(model.ip_hash_slots(4, client))
            new_flow(r, service, (A, A, B, C)[slot], 41000 + i, client)


@row
def balance_ip_hash_passes_over_unusable_slots(r):
    slots = (None, None, 2, None, None, 1, None)
    service = Service(method="ip_hash", turns=(1, 2), slots=slots)
    r.tables([service], [A, B, C])
    for net in (1, 5, 9, 100, 250):
        client = f"203.0.{net}.9"
        tried = [slots[slot] for slot in model.ip_hash_slots(len(slots), client)]
        picked = next(server for server in tried if server is not None)
        new_flow(r, service, (A, B, C)[picked], 40000, client)


@row
def balance_ip_hash_falls_back_to_round_robin(r):
    service = Service(method="ip_hash", turns=(1, 2), slots=(None,) * 5)
    r.tables([service], [A, B, C])
    for i in range(4):
        new_flow(r, service, (B, C)[i % 2], 40000 + i)


@row
def balance_ip_hash_without_slots(r):
    service = Service(method="ip_hash", turns=(0,), slots=())
    r.tables([service], [A])
    sent, _ = Conversation(r, service, A).request(flags="S")
    r.drop(LEFT, sent, "no_backend")


TABLE = tuple(random.Random(4).choice((0, 1, 2)) for _ in range(251))


@row
def balance_maglev(r):
    service = Service(method="maglev", turns=(0,), slots=TABLE)
    r.tables([service], [A, B, C])
    for sport in range(40000, 40012):
        slot = model.maglev_slot(251, CLIENT, sport, VIP, 80, "tcp")
        new_flow(r, service, (A, B, C)[TABLE[slot]], sport)


@row
def balance_maglev_by_address(r):
    service = Service(method="maglev_address", turns=(0,), slots=TABLE)
    r.tables([service], [A, B, C])
    for last in (1, 2, 3, 4, 200):
        client = f"203.0.113.{last}"
        server = (A, B, C)[TABLE[model.maglev_address_slot(251, client)]]
        new_flow(r, service, server, 40000, client)
        new_flow(r, service, server, 40001, client)


@row
def balance_maglev_empty(r):
    service = Service(method="maglev", turns=(0,), slots=(None,) * 7)
    r.tables([service], [A])
    sent, _ = Conversation(r, service, A).request(flags="S")
    r.drop(LEFT, sent, "no_backend")


@row
def balance_draining_service(r):
    service = Service(turns=(0,))
    leaving = Service(turns=(0,), draining=True)
    r.tables([service], [A])
    c = Conversation(r, service, A).established()
    r.tables([leaving], [A])
    c.ask(flags="PA", payload=b"goes on")
    c.reply(flags="PA", payload=b"too")
    sent, _ = Conversation(r, service, A, sport=40001).request(flags="S")
    r.to_host(LEFT, sent, "service_draining")


@row
def balance_removed_service_is_the_hosts(r):
    service = Service(turns=(0,))
    r.tables([service], [A])
    c = Conversation(r, service, A).established()
    r.tables([], [A])
    sent, _ = c.request(flags="A")
    r.to_host(LEFT, sent, "not_service")
    c.reply(flags="A")  # the backend's side needs no service


@row
def balance_generation_changes_under_a_flow(r):
    before, after = Service(turns=(0,)), Service(turns=(1,))
    r.tables([before], [A, B])
    c = Conversation(r, before, A).established()
    r.tables([after], [A, B])
    c.ask(flags="PA", payload=b"still to a")
    c.reply(flags="PA", payload=b"from a")
    Conversation(r, after, B, sport=40001).established()


@row
def balance_many_services(r):
    services = [Service(port=1000 + i, turns=(i % 3,), id=i, upstream=i % 8) for i in range(20)]
    r.tables(services, [A, B, C])
    for i, service in enumerate(services):
        new_flow(r, service, (A, B, C)[i % 3], 42000)
