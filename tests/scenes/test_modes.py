# SPDX-License-Identifier: Apache-2.0
"""Every mode, from each family to each, TCP and UDP, with flows and without: what docs/MODES.md says works is said
because it did here (scripts/modes-table). And each checksum of it, captured on the client's and on the backends' side,
is right: of tunnels' inner packets, of fragmented datagrams and of ICMP errors too. Kernels drop what is wrong, and
say nothing."""
import pytest
from ground import backends, balancer, expect, topology
from ground.capture import Tcpdump, rightly_summed
from ground.paths import BUILD

CLOSED = 99  # a service whose backend does not listen
NAT = {"nat4": 81, "nat6": 82}
ONE_WAY = {"forward dsr": 83, "forward ipip": 84, "forward gue port=6080": 85, "forward gue checksum=on": 86}
ONE_WAY |= {f"{words}; maglev; stateless on": port + 4 for words, port in ONE_WAY.items()}


@pytest.fixture(scope="module")
def place(one_armed_dual):
    place = one_armed_dual
    place.own, place.own6 = place.vip, place.vip6
    decapsulate = ("backend-tunnel", "--xdp", BUILD / "tests" / "apps" / "decap.bpf.o")
    topology.direct_return(place, "10.0.0.80", decapsulate, "2001:db8::80")
    host = place.hosts[0]
    ports = [*NAT.values(), *ONE_WAY.values(), *(port + 10 for port in ONE_WAY.values())]
    started = [backends.Nginx(host, 1, place.addresses[0], port).start() for port in ports]
    started += [backends.UdpEcho(host, 1, place.addresses[0], NAT["nat4"]).start(),
                backends.UdpEcho(host, 1, place.addresses6[0], NAT["nat6"]).start()]
    for port in ports[2:]:
        started += [backends.UdpEcho(host, 1, vip, port).start() for vip in (place.vip, place.vip6)]
    for backend in started:
        backend.ready()
    return place


def conf(place):
    """NAT to each family from both; the other modes to a backend of each family, from both too."""
    four, six = place.addresses[0], f"[{place.addresses6[0]}]"
    text = ""

    def service(name, words, server, addresses, port, source=""):
        listens = "".join(f"listen {address}:{port}%s; " for address in addresses)
        return (f"upstream {name} {{ {words} server {server}; }}\n"
                f"server {{ {listens % (('',) * len(addresses))} {source} proxy_pass {name}; }}\n"
                f"server {{ {listens % ((' udp',) * len(addresses))} {source} proxy_pass {name}; }}\n")

    # The backends have the other address of the balancer too: a source that they would answer themselves.
    for (name, port), server, source in zip(NAT.items(), (four, six), (place.own, place.own6)):
        text += service(name, "", f"{server}:{port}", (place.own, f"[{place.own6}]"), port, f"proxy_bind {source};")
    text += service("closed", "", f"{four}:{CLOSED}", (place.own,), CLOSED)
    vips = (place.vip, f"[{place.vip6}]")
    for words, port in ONE_WAY.items():
        if "dsr" in words:
            text += service(f"dsr4_{port}", f"{words};", four, vips[:1], port)
            text += service(f"dsr6_{port}", f"{words};", six, vips[1:], port)
        else:
            text += service(f"over4_{port}", f"{words};", four, vips, port)
            text += service(f"over6_{port}", f"{words};", six, vips, port + 10)
    return "stream {\n" + text + "}\n"


def talk(place, address, port):
    expect.all_right(place.client.client("get", place.url(address=address, port=port), "-n", 10), 10)
    expect.all_right(place.client.client("udp", address, port, "-n", 6, "--per-socket", 2, "--size", 1001), 6)


def talk_nat(place):
    for backend, port in ((4, NAT["nat4"]), (6, NAT["nat6"])):
        for client, vip in ((4, place.own), (6, place.own6)):
            talk(place, vip, port)
            yield client, backend


def talk_one_way(place):
    for words, port in ONE_WAY.items():
        mode = words.split(";")[0].split()[1] + ("_stateless" if "stateless" in words else "")
        for client, vip in ((4, place.vip), (6, place.vip6)):
            talk(place, vip, port)
            yield mode, client, client if "dsr" in mode else 4
            if "dsr" not in mode:
                talk(place, vip, port + 10)
                yield mode, client, 6


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_one_armed(place, make_balancer, engine, record_property):
    weir = make_balancer(engine, place).start(conf(place), ready=ONE_WAY["forward dsr"])
    switch = next(namespace for namespace in place.lab.namespaces if namespace.name == "switch")
    dumps = {side: Tcpdump(switch, side, place.lab.directory / f"{engine}-{side}.pcap")
             for side in ("client", "balancer")}
    worked = [f"nat {client} {backend}" for client, backend in talk_nat(place)]
    worked += [f"{mode} {client} {backend}" for mode, client, backend in talk_one_way(place)]
    big = place.client.client("udp", place.own, NAT["nat4"], "-n", 4, "--size", 4001)
    expect.all_right(big, 4)
    refused = place.client.client("udp", place.own, CLOSED, "-n", 2)
    assert refused["failures"], "nobody listens there"

    seen = {side: rightly_summed(dump.stop()) for side, dump in dumps.items()}
    for side in seen:
        at_least(seen[side], {"ip": 500, "tcp": 1000, "udp": 100, "reassembled udp": 8, "icmp": 2, "quoted udp": 2})
    at_least(seen["balancer"], {"inner ip": 200, "inner tcp": 400, "inner udp": 60})
    shown = weir.show("backends")
    assert {row["mode"] for row in shown} == {"nat", "dsr", "ipip", "gue"}
    assert all(row["packets_in"] > 0 for row in shown), shown
    for what in sorted(set(worked)):
        record_property("proves", f"{what} {engine}")


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_transparent(two_armed_dual, make_balancer, engine, record_property):
    place = two_armed_dual
    host = place.hosts[0]
    host.run("ip", "route", "replace", "10.1.0.0/24", "via", "10.2.0.10")
    host.run("ip", "route", "replace", "2001:db8:1::/64", "via", "2001:db8:2::10")
    server = backends.Nginx(host, 1, place.addresses[0], 80)
    echoes = [backends.UdpEcho(host, 1, address, 80) for address in (place.addresses[0], place.addresses6[0])]
    backends.start_all([server])
    for echo in echoes:
        backends.start_all([echo])
    text = "".join(f"""server {{ listen {vip}:80; proxy_bind $remote_addr transparent; proxy_pass {address}:80; }}
        server {{ listen {vip}:80 udp; proxy_bind $remote_addr transparent; proxy_pass {address}:80; }}"""
                   for vip, address in ((place.vip, place.addresses[0]),
                                        (f"[{place.vip6}]", f"[{place.addresses6[0]}]")))
    make_balancer(engine, place).start(f"stream {{ {text} }}")
    dumps = [Tcpdump(namespace, "eth0", place.lab.directory / f"{engine}-{namespace.name}-transparent.pcap")
             for namespace in (place.client, host)]
    talk(place, place.vip, 80)
    talk(place, place.vip6, 80)
    for dump in dumps:
        at_least(rightly_summed(dump.stop()), {"ip": 50, "tcp": 100, "udp": 20})
    for backend in (server, *echoes):
        backend.kill()
    for family in (4, 6):
        record_property("proves", f"transparent {family} {family} {engine}")


def at_least(seen, wanted):
    assert all(seen.get(name, 0) >= count for name, count in wanted.items()), seen
