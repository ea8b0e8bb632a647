# SPDX-License-Identifier: Apache-2.0
"""Full tables, exhausted source ports, and backends behind the host link."""

from scapy.layers.inet import TCP

from lab import *

WEB = Service(turns=(0,))


@row(flow_buckets=1)
def limits_table_full_of_established_flows(r):
    r.tables([WEB], [A])
    flows = [Conversation(r, WEB, A, sport=40000 + i).established() for i in range(8)]
    sent, _ = Conversation(r, WEB, A, sport=40008).request(flags="S")
    r.drop(LEFT, sent, "flow_table_full")
    for c in flows:
        c.ask(flags="PA", payload=b"alive")
        c.reply(flags="PA", payload=b"alive")


@row(flow_buckets=1)
def limits_syn_flood_takes_no_established_flow(r):
    r.tables([WEB], [A])
    flows = [Conversation(r, WEB, A, sport=40000 + i).established() for i in range(7)]
    for i in range(64):
        Conversation(r, WEB, A, sport=50000 + i, client="203.0.113.9").opened()
    for c in flows:
        c.ask(flags="PA", payload=b"alive")
        c.reply(flags="PA", payload=b"alive")


@row(flow_buckets=1)
def limits_half_open_flows_give_way_oldest_first(r):
    r.tables([WEB], [A])
    flows = []
    for i in range(8):
        flows.append(Conversation(r, WEB, A, sport=40000 + i).opened())
        r.age(1000)
    Conversation(r, WEB, A, sport=40008).established()
    sent, _ = flows[0].request(flags="A")
    r.drop(LEFT, sent, "no_flow")
    for c in flows[1:]:
        c.reply(flags="SA")


@row(flow_buckets=1)
def limits_expired_flows_make_room(r):
    r.tables([WEB], [A])
    for i in range(8):
        Conversation(r, WEB, A, sport=40000 + i).established()
    r.age(EXPIRED)
    r.busy.clear()
    for i in range(8):
        Conversation(r, WEB, A, sport=41000 + i).established()


@row
def limits_snat_ports_run_out(r):
    tight = backend(0, snat_low=20000, snat_high=20002)
    service = Service(turns=(0,))
    r.tables([service], [tight])
    flows = [Conversation(r, service, tight, sport=40000 + i).established() for i in range(3)]
    sent, _ = Conversation(r, service, tight, sport=40003, used=1).request(flags="S")
    r.drop(LEFT, sent, "no_snat_port")
    for c in flows:
        c.reply(flags="A")


@row
def limits_snat_ports_of_half_open_flows_are_taken_over(r):
    """The oldest one's first; a flow that is established keeps its own."""
    tight = backend(0, snat_low=20000, snat_high=20002)
    r.tables([WEB], [tight])
    kept = Conversation(r, WEB, tight, sport=40000).established()
    flood = [Conversation(r, WEB, tight, sport=50000, client="203.0.113.9").opened()]
    r.age(1000)
    flood.append(Conversation(r, WEB, tight, sport=50001, client="203.0.113.9").opened())
    r.age(1000)
    new = Conversation(r, WEB, tight, sport=40001, used=flood[0].source).established()
    new.reply(flags="A")
    sent, _ = flood[0].request(flags="A")
    r.drop(LEFT, sent, "no_flow")
    flood[1].reply(flags="SA")
    kept.ask(flags="A")
    kept.reply(flags="A")


@row
def limits_snat_ports_of_udp_that_asked_once(r):
    tight = backend(0, port=53, snat_low=20000, snat_high=20001)
    dns = Service(port=53, protocol="udp", turns=(0,), upstream=1, id=2)
    r.tables([dns], [tight])
    talks = Conversation(r, dns, tight, sport=40000)
    talks.ask("flow_new", payload=b"one")
    talks.reply(payload=b"answer")
    talks.ask(payload=b"two")
    once = Conversation(r, dns, tight, sport=40001)
    once.ask("flow_new", payload=b"one")
    once.reply(payload=b"answer")
    for i in range(5):
        new = Conversation(r, dns, tight, sport=40002 + i, used=once.source)
        new.ask("flow_new", payload=b"one")
        new.reply(payload=b"answer")
    talks.reply(payload=b"answer")


@row
def limits_snat_port_is_free_after_expiry(r):
    tight = backend(0, snat_low=20000, snat_high=20000)
    service = Service(turns=(0,))
    r.tables([service], [tight])
    Conversation(r, service, tight, sport=40000).established()
    r.age(EXPIRED)
    c = Conversation(r, service, tight, sport=40001, used=20000)
    c.established()
    c.reply(flags="PA", payload=b"mine")


@row
def limits_snat_port_of_a_closed_flow_rests_a_second(r):
    tight = backend(0, snat_low=20000, snat_high=20000)
    service = Service(turns=(0,))
    r.tables([service], [tight])
    old = Conversation(r, service, tight, sport=40000).established()
    old.ask(flags="FA")
    old.reply(flags="FA")
    new = Conversation(r, service, tight, sport=40001, used=20000)
    sent, _ = new.request(flags="S")
    r.drop(LEFT, sent, "no_snat_port")
    r.age(1500)
    new.established()
    sent, _ = old.request(flags="A")
    r.drop(LEFT, sent, "no_flow")
    new.reply(flags="A")


@row
def limits_snat_port_is_never_a_services(r):
    two = backend(0, snat=VIP, snat_low=20000, snat_high=20001)
    web, other = Service(turns=(0,)), Service(port=20000, turns=(0,), id=2)
    r.tables([web, other], [two])
    Conversation(r, web, two, sport=40000, used=20001).established()
    sent, _ = Conversation(r, web, two, sport=40001, used=1).request(flags="S")
    r.drop(LEFT, sent, "no_snat_port")


@row
def limits_snat_port_may_serve_another_protocol(r):
    one = backend(0, snat=VIP, snat_low=20000, snat_high=20000)
    web, dns = Service(turns=(0,)), Service(port=20000, protocol="udp", turns=(0,), id=2)
    r.tables([web, dns], [one])
    Conversation(r, web, one, used=20000).established()


@row
def limits_service_added_on_a_flows_source_port(r):
    web, dns = Service(turns=(0,)), Service(port=53, protocol="udp", turns=(0,), id=2)
    server = backend(0, snat=VIP, snat_low=20000, snat_high=20000)
    r.tables([web, dns], [server])
    c = Conversation(r, web, server, used=20000).opened()
    u = Conversation(r, dns, server, used=20000)
    u.ask("flow_new", payload=b"q")
    tcp, udp = Service(port=20000, turns=(0,), id=3), Service(port=20000, protocol="udp", turns=(0,), id=4)
    r.tables([web, dns, tcp, udp], [server])
    c.reply(flags="SA", seq=5000, ack=1001)
    c.ask(flags="A", seq=1001, ack=5001)
    u.reply(payload=b"a")


@row
def limits_one_source_port_serves_each_backend(r):
    one = backend(0, snat_low=20000, snat_high=20000)
    two = backend(1, snat_low=20000, snat_high=20000)
    service = Service(turns=(0, 1))
    r.tables([service], [one, two])
    a = Conversation(r, service, one, sport=40000).established()
    b = Conversation(r, service, two, sport=40001).established()
    a.reply(flags="PA", payload=b"a")
    b.reply(flags="PA", payload=b"b")


@row
def limits_no_source_port_at_all(r):
    none = backend(0, snat_low=20001, snat_high=20000)
    service = Service(turns=(0,))
    r.tables([service], [none])
    sent, _ = Conversation(r, service, none, used=1).request(flags="S")
    r.drop(LEFT, sent, "no_snat_port")


LOCAL = Backend(id=0, addr="172.17.0.1", port=1000, mac="02:cc:00:00:00:01", out=HOST_LINK,
                snat="169.254.77.2", snat_low=1024, snat_high=65535)


@row
def host_link_backend(r):
    r.tables([WEB], [LOCAL])
    c = Conversation(r, WEB, LOCAL).established()
    c.ask(flags="PA", payload=b"GET / HTTP/1.0\r\n\r\n")
    c.reply(flags="PA", payload=b"hello")
    c.reply(flags="FA")
    c.ask(flags="FA")


@row
def host_link_udp_backend(r):
    dns = Service(port=53, protocol="udp", turns=(0,))
    r.tables([dns], [LOCAL])
    c = Conversation(r, dns, LOCAL)
    c.ask("flow_new", payload=b"q")
    c.reply(payload=b"a")


@row
def host_link_strays_are_dropped(r):
    r.tables([WEB], [LOCAL])
    stray = frame(LOCAL.mac, PORT_MAC[HOST_LINK], LOCAL.addr, LOCAL.snat,
                  TCP(sport=LOCAL.port, dport=5555, flags="R"))
    r.drop(HOST_LINK, stray, "host_link_stray")
    late = Conversation(r, WEB, LOCAL).established()
    sent, _ = late.answer(flags="A")
    r.age(EXPIRED)
    r.drop(HOST_LINK, sent, "host_link_stray")
