# SPDX-License-Identifier: Apache-2.0
"""TCP through weir: life and death of a connection, and what must survive the rewriting."""

from scapy.layers.inet import IPOption_Router_Alert, IPOption_NOP, TCP

from lab import *

WEB = Service(turns=(0, 1))


@row
def tcp_whole_connection(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="PA", seq=1001, ack=5001, payload=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    c.reply(flags="A", seq=5001, ack=1028)
    c.reply(flags="PA", seq=5001, ack=1028, payload=b"HTTP/1.1 200 OK\r\n\r\n")
    c.ask(flags="FA", seq=1028, ack=5020)
    c.reply(flags="FA", seq=5020, ack=1029)
    c.ask(flags="A", seq=1029, ack=5021)


@row
def tcp_syn_again_is_the_same_flow(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).opened()
    c.ask(flags="S", seq=1000)
    c.ask(flags="S", seq=1000)


@row
def tcp_two_clients_two_backends(r):
    r.tables([WEB], [A, B])
    a = Conversation(r, WEB, A, sport=40000).established()
    b = Conversation(r, WEB, B, sport=40001).established()
    a.reply(flags="PA", payload=b"a")
    b.reply(flags="PA", payload=b"b")


@row
def tcp_syn_reopens_after_both_fins(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="FA", seq=1001, ack=5001)
    c.reply(flags="FA", seq=5001, ack=1002)
    c.ask(flags="A", seq=1002, ack=5002)
    Conversation(r, WEB, B).established()


@row
def tcp_syn_within_a_half_closed_connection_is_no_new_flow(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="FA", seq=1001, ack=5001)
    c.ask(flags="S", seq=9000)


@row
def tcp_refused_then_tried_again_goes_to_the_next_backend(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).opened()
    c.reply(flags="RA", ack=1001)
    Conversation(r, WEB, B).established()


@row
def tcp_client_reset_and_late_packets(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="R", seq=1001)
    c.reply(flags="A", seq=5001, ack=1001)  # the backend had not seen it yet
    c.ask(flags="R", seq=1001)


@row
def tcp_forged_reset_does_not_end_a_flow(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="R", seq=77)
    c.ask(flags="PA", seq=1001, ack=5001, payload=b"still here")
    r.age(120_000)  # longer than a closed flow rests
    c.ask(flags="PA", seq=1011, ack=5001, payload=b"and still")


@row
def tcp_handshake_expires(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).opened()
    r.age(59_000)
    c.reply(flags="SA", seq=5000, ack=1001)
    r.age(61_000)
    sent, _ = c.request(flags="A", seq=1001, ack=5001)
    r.drop(LEFT, sent, "no_flow")
    Conversation(r, WEB, B).opened()


@row
def tcp_idle_flow_expires(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    r.age(599_000)
    c.ask(flags="A", seq=1001, ack=5001)
    r.age(599_000)
    c.reply(flags="A", seq=5001, ack=1001)
    r.age(EXPIRED)
    sent, _ = c.request(flags="A", seq=1001, ack=5001)
    r.drop(LEFT, sent, "no_flow")
    sent, _ = c.answer(flags="A", seq=5001, ack=1001)
    r.to_host(RIGHT, sent, "not_service")


@row
def tcp_closed_flow_rests_a_minute(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.ask(flags="FA", seq=1001, ack=5001)
    c.reply(flags="FA", seq=5001, ack=1002)
    r.age(59_000)
    c.ask(flags="A", seq=1002, ack=5002)
    r.age(61_000)
    sent, _ = c.request(flags="A", seq=1002, ack=5002)
    r.drop(LEFT, sent, "no_flow")


@row
def tcp_without_flow_is_dropped(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A)
    for flags in ("A", "PA", "FA", "F", "R", "RA", "SA", "SR", ""):
        sent, _ = c.request(flags=flags)
        r.drop(LEFT, sent, "no_flow")


@row
def tcp_syn_with_ecn_and_data(r):
    r.tables([WEB], [A, B])
    Conversation(r, WEB, A).ask("flow_new", flags="SEC", payload=b"fast open")


@row
def tcp_options_and_all_flags(r):
    r.tables([WEB], [A, B])
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (123456, 0)), ("NOP", None), ("WScale", 7)]
    c = Conversation(r, WEB, A)
    c.ask("flow_new", flags="S", options=options, window=64240)
    c.reply(flags="SA", options=options, window=65160)
    c.ask(flags="FSPUAEC", options=[("Timestamp", (1, 2))], urgptr=17, payload=b"u")
    c.ask(flags="A", options=[("EOL", None)] * 40)  # the longest header there is


@row
def tcp_payloads_of_every_parity(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    for length in (1, 2, 3, 4, 5, 63, 64, 65, 1459, 1460):
        payload = bytes((i * 7 + length) & 0xFF for i in range(length))
        c.ask(flags="PA", payload=payload)
        c.reply(flags="PA", payload=payload)


@row
def tcp_minimum_frame_keeps_its_padding(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A)
    c.ask("flow_new", flags="S", pad=bytes(range(6)))
    c.reply(flags="SA", pad=b"\xff" * 6)


@row
def tcp_ip_options(r):
    r.tables([WEB], [A, B])
    for count, sport in ((1, 40000), (5, 40002), (40, 40004)):
        options = [IPOption_Router_Alert()] if count == 1 else [IPOption_NOP()] * count
        c = Conversation(r, WEB, A, sport=sport)
        c.ask("flow_new", flags="S", ip={"options": options})
        c.reply(flags="SA", ip={"options": options})
        Conversation(r, WEB, B, sport=sport + 1).opened()  # keeps the turns even


@row
def tcp_ip_fields_are_kept(r):
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A)
    c.ask("flow_new", flags="S", ip={"tos": 0xB8, "id": 0xFFFF, "flags": "DF", "ttl": 2})
    c.reply(flags="SA", ip={"tos": 3, "id": 0, "ttl": 255})


def shifted(packet, at, by):
    """Adds to the ones' complement number at an offset."""
    value = int.from_bytes(packet[at : at + 2], "big") + by
    value = (value & 0xFFFF) + (value >> 16)
    return packet[:at] + value.to_bytes(2, "big") + packet[at + 2 :]


@row
def tcp_damage_stays_visible(r):
    """A transport checksum that was wrong before weir is wrong by as much behind it."""
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    sent, received = c.request(flags="PA", payload=b"damaged")
    at, damage = 14 + 20 + 16, 0x0100
    r.forward(LEFT, shifted(sent, at, damage), RIGHT, shifted(received, at, damage))
    r.drop(LEFT, shifted(sent, 14 + 10, damage), "ip_checksum")


@row
def tcp_replies_follow_the_client(r):
    """The client's packets come from another router and port (VRRP, ECMP): replies go there."""
    r.tables([WEB], [A, B])
    c = Conversation(r, WEB, A).established()
    c.mac = "02:aa:00:00:00:99"
    c.ask(flags="A", seq=1001, ack=5001)
    c.reply(flags="A")
    c.port, c.mac = RIGHT, "02:aa:00:00:00:33"
    c.ask(flags="A", seq=1001, ack=5001)
    c.reply(flags="A")


@row
def tcp_one_armed(r):
    near = backend(0, out=LEFT)
    service = Service(turns=(0,))
    r.tables([service], [near])
    c = Conversation(r, service, near).established()
    c.reply(flags="PA", payload=b"same port")
