# SPDX-License-Identifier: Apache-2.0
"""ipip and gue, any family in any: the backends take the outer headers off and answer the clients themselves. TCP with
downloads, UDP, and servers that have no port of their own behind two services."""
import pytest
from ground import backends, balancer, expect, topology
from ground.paths import BUILD

ECHO = 5300


@pytest.fixture(scope="module")
def place(one_armed_dual):
    one_armed = one_armed_dual
    decapsulate = ("backend-tunnel", "--xdp", BUILD / "tests" / "apps" / "decap.bpf.o")
    topology.direct_return(one_armed, "10.0.0.80", decapsulate, "2001:db8::80")
    for host in one_armed.hosts:
        host.route("default", "10.0.0.254")
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx, 80))
    one_armed.others = backends.start_all(one_armed.backends(backends.Nginx, 8000))
    one_armed.echoes = [backends.UdpEcho(host, number, one_armed.vip, ECHO)
                        for number, host in enumerate(one_armed.hosts, 1)]
    one_armed.echoes6 = [backends.UdpEcho(host, number, one_armed.vip6, ECHO)
                         for number, host in enumerate(one_armed.hosts, 1)]
    for echoes in (one_armed.echoes, one_armed.echoes6):  # one after the other: both have the same port
        backends.start_all(echoes)
    return one_armed


def conf(place, mode, outer):
    addresses = place.addresses if outer == 4 else [f"[{address}]" for address in place.addresses6]
    servers = "".join(f"server {address}; " for address in addresses)
    return f"""stream {{
    upstream lb {{ forward {mode}; {servers} }}
    upstream echo {{ forward {mode}; {servers} }}
    server {{ listen {place.vip}:80; listen [{place.vip6}]:80; listen {place.vip}:8000-8010; proxy_pass lb; }}
    server {{ listen {place.vip}:{ECHO} udp; listen [{place.vip6}]:{ECHO} udp; proxy_pass echo; }}
}}
"""


@pytest.mark.parametrize("outer", [4, 6], ids=["in4", "in6"])
@pytest.mark.parametrize("mode", ["ipip", "gue port=6080", "gue checksum=on"])
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_tunnel(place, make_balancer, engine, mode, outer):
    weir = make_balancer(engine, place).start(conf(place, mode, outer))
    for vip in (place.vip, place.vip6):
        many = place.client.client("get", place.url(address=vip), "-n", 600, "-c", 8)
        expect.all_right(many, 600)
        expect.even_shares(many, 3)
        expect.intact(place.client.client("fetch", place.url("/blob/100m", address=vip)), 100)
        sessions = place.client.client("udp", vip, ECHO, "-n", 90, "--per-socket", 3, "--size", 1000)
        expect.all_right(sessions, 90)
        expect.even_shares(sessions, 3)
    expect.all_right(place.client.client("get", place.url(port=8000), "-n", 90), 90)
    expect.all_right(place.far_client.client("get", place.url(), "-n", 90, "-c", 4), 90)
    assert place.client.run("curl", "-s", place.url("/client")).stdout == "10.0.0.2"
    rows = weir.show("backends")
    assert {row["mode"] for row in rows} == {mode.split()[0]}
    assert {f"{place.vip}:8000-8010", f"[{place.vip6}]:80"} <= {row["service"] for row in weir.show("services")}
