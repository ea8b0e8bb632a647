# SPDX-License-Identifier: Apache-2.0
"""Header checks that hold for both families: where a packet may come from, how far it may go, and where it ends."""

from lab import *

SERVICES = {}
for _number, (_addr, _protocol) in enumerate(((VIP, "tcp"), (VIP, "udp"), (VIP6, "tcp"), (VIP6, "udp"))):
    SERVICES[_addr, _protocol] = Service(
        addr=_addr, protocol=_protocol, turns=(0 if _addr == VIP else 1,), upstream=_number, id=_number + 1
    )
TABLES = (list(SERVICES.values()), [A, backend6(1)])
NEW = {"tcp": TCP(sport=40000, dport=80, flags="S"), "udp": UDP(sport=40000, dport=80)}


def conversation(r, service, **changes):
    v4 = service.addr == VIP
    client = CLIENT if v4 else CLIENT6
    return Conversation(r, service, A if v4 else TABLES[1][1], **({"client": client} | changes))


def cut_everywhere(r, port, sent):
    for length in range(14, len(sent)):
        r.drop(port, sent[:length], "truncated")


def add_cut_rows():
    """For each transport over each family, plain and tagged: the frame cut at each of its bytes."""
    for (addr, protocol), service in SERVICES.items():
        for port in (LEFT, LEFT_VLAN):
            def cut(r, service=service, port=port):
                r.tables(*TABLES)
                fields = {"flags": "S"} if service.protocol == "tcp" else {}
                sent, _ = conversation(r, service, port=port).request(**fields)
                cut_everywhere(r, port, sent)
            family = "ipv4" if addr == VIP else "ipv6"
            cut.__name__ = f"headers_cut_{protocol}_{family}" + ("_tagged" if port in TAGS else "")
            row(cut)


add_cut_rows()


def from_client(src, dst, l4, **ip):
    return on_wire(LEFT, CLIENT_MAC, PORT_MAC[LEFT], packet(src, dst, l4, **ip))


@row
def headers_ip_ends_within_the_transport_header(r):
    """The frame is whole, but by IP's own length the packet ends at each byte of the transport header."""
    r.tables(*TABLES)
    for protocol, size in (("tcp", 20), ("udp", 8)):
        for inside in range(size):
            r.drop(LEFT, from_client(CLIENT, VIP, NEW[protocol], len=20 + inside), "truncated")
            r.drop(LEFT, from_client(CLIENT6, VIP6, NEW[protocol], plen=inside), "truncated")


@row
def headers_land(r):
    r.tables(*TABLES)
    for (addr, protocol), service in SERVICES.items():
        r.drop(LEFT, from_client(addr, addr, NEW[protocol]), "land")
        same = NEW[protocol].copy()
        same.sport = 80
        r.drop(LEFT, from_client(addr, addr, same), "land")


@row
def headers_martian_sources(r):
    r.tables(*TABLES)
    for source in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1",
                   "255.255.255.255"):
        for l4 in NEW.values():
            r.drop(LEFT, from_client(source, VIP, l4), "martian")
    for source in ("::", "::1", "ff02::1", "ff0e::1234"):
        for l4 in NEW.values():
            r.drop(LEFT, from_client(source, VIP6, l4), "martian")


@row
def headers_a_service_is_no_client(r):
    """Two services that answer each other would never stop."""
    other = Service(addr="192.0.2.11", port=7, protocol="udp", turns=(0,), upstream=4, id=5)
    r.tables(TABLES[0] + [other], TABLES[1])
    r.drop(LEFT, from_client(VIP, other.addr, UDP(sport=80, dport=7)), "martian")
    r.drop(LEFT, from_client(other.addr, VIP, UDP(sport=7, dport=80)), "martian")
    Conversation(r, other, A, client=VIP, sport=81).ask("flow_new", payload=b"no service's port")


@row
def headers_ttl_ends_here(r):
    """1 or 0: not forwarded, starts no flow, and changes none."""
    r.tables(*TABLES)
    for (addr, protocol), service in SERVICES.items():
        name = "ttl" if addr == VIP else "hlim"
        for left in (0, 1):
            client = CLIENT if addr == VIP else CLIENT6
            sent = from_client(client, addr, NEW[protocol], **{name: left})
            r.forward(LEFT, sent, LEFT, time_exceeded(sent), "time_exceeded_sent")
        c = conversation(r, service)
        fields = {"flags": "S"} if protocol == "tcp" else {"payload": b"q"}
        c.ask("flow_new", ip={name: 2}, **fields)
        sent, _ = c.answer(ip={name: 1}, **fields)
        r.forward(c.server.out, sent, c.server.out, time_exceeded(sent, c.server.out), "time_exceeded_sent")
