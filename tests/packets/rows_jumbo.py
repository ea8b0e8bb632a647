# SPDX-License-Identifier: Apache-2.0
"""Frames that do not fit one buffer: DPDK chains mbufs, XDP has fragments (kernel 5.18)."""

from lab import *

WEB = Service()
WEB6 = Service(addr=VIP6, turns=(1,), upstream=1, id=2)
DNS = Service(port=53, protocol="udp", turns=(0,), upstream=2, id=3)
SIZES = (1700, 1738, 1739, 3000, 3400, 4000, 8192, 8948)  # around and beyond each engine's first buffer


@row
def jumbo_tcp(r):
    r.tables([WEB, WEB6], [A, B6])
    for c in (Conversation(r, WEB, A), Conversation(r, WEB6, B6, client=CLIENT6)):
        c.established()
        for size in SIZES:
            c.ask(flags="A", payload=bytes(i * 7 & 0xFF for i in range(size)))
            c.reply(flags="A", payload=bytes(i * 5 & 0xFF for i in range(size)))


@row
def jumbo_udp(r):
    r.tables([DNS], [A])
    c = Conversation(r, DNS, A)
    c.ask("flow_new", payload=bytes(SIZES[-1]))
    c.reply(payload=b"\xff" * SIZES[-1])


@row
def jumbo_translated(r):
    service = Service(addr=VIP6, turns=(0,))
    r.tables([service], [A])
    c = Conversation(r, service, A, client=CLIENT6).established()
    for size in SIZES:
        c.ask(flags="A", payload=bytes(size))
        c.reply(flags="A", payload=bytes(size))


@row
def jumbo_shorter_than_it_says(r):
    r.tables([WEB], [A])
    sent, _ = Conversation(r, WEB, A).request(flags="S", payload=bytes(8000))
    for length in (4000, 8000, len(sent) - 1):
        r.drop(LEFT, sent[:length], "truncated")
