# SPDX-License-Identifier: Apache-2.0
"""One row for each mode, each family of client and each family of backend that it can join, TCP and UDP. What passes
here is what the table of docs/MODES.md says of the packet program (scripts/modes-table)."""

import dataclasses

from lab import *
from rows_tunnel import OVER4, OVER6, Tunnelled, tunnel

CLIENTS = {4: (CLIENT, VIP), 6: (CLIENT6, VIP6)}


def server_of(mode, family):
    if mode in ("ipip", "gue"):
        return tunnel(mode, OVER6 if family == 6 else OVER4)
    return dataclasses.replace(A6 if family == 6 else A, mode=mode)


def two_ways(r, services, server, client):
    c = Conversation(r, services[0], server, client=client).established()
    c.ask(flags="PA", seq=1001, ack=5001, payload=b"GET / HTTP/1.1")
    c.reply(flags="PA", seq=5001, ack=1015, payload=b"HTTP/1.1 200 OK")
    d = Conversation(r, services[1], server, client=client)
    d.ask("flow_new", payload=b"question")
    d.reply(payload=b"answer")


def one_way(r, services, server, client, stateless):
    kind = Conversation if server.mode == "dsr" else Tunnelled
    first, later = ("stateless", "stateless") if stateless else ("flow_new", "flow_hit")
    c = kind(r, services[0], server, client=client)
    c.ask(first, flags="S", seq=1000)
    c.ask(later, flags="A", seq=1001, ack=5001)
    c.ask(later, flags="PA", seq=1001, ack=5001, payload=b"GET / HTTP/1.1")
    d = kind(r, services[1], server, client=client)
    d.ask(first, payload=b"question")
    d.ask(later, payload=b"odd")


def mode_row(mode, client, backend, stateless):
    name = f"{mode}{'_stateless' if stateless else ''}"
    one = Row(f"mode_{name}_{client}_to_{backend}", proves=f"{name} {client} {backend}")
    address, vip = CLIENTS[client]
    table = {"method": "maglev", "slots": (0,), "stateless": True} if stateless else {"turns": (0,)}
    services = [Service(addr=vip, **table), Service(addr=vip, port=53, protocol="udp", upstream=1, id=2, **table)]
    server = server_of(mode, backend)
    one.tables(services, [server])
    if mode in ("nat", "transparent"):
        two_ways(one, services, server, address)
    else:
        one_way(one, services, server, address, stateless)
    ROWS.append(one)


for client in (4, 6):
    for backend in (4, 6):
        for mode in ("nat", "transparent", "dsr", "ipip", "gue"):
            if mode in ("transparent", "dsr") and client != backend:
                continue
            mode_row(mode, client, backend, stateless=False)
            if mode not in ("nat", "transparent"):
                mode_row(mode, client, backend, stateless=True)
