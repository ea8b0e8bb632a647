# SPDX-License-Identifier: Apache-2.0
"""Path MTU discovery through a hop of 1,280 bytes, in every mode: the router before it tells weir, and weir tells
the end whose packets were too long. Both directions of a transfer arrive, and that end's kernel knows the MTU."""
import pytest
from ground import backends, balancer, modes
from ground.modes import DIRECT, FAR, MODES, NEAR
from ground.routed import path_mtu

MEBIBYTES = 10
HOP = 1280
FAMILIES = [4, 6]


@pytest.fixture(scope="module")
def place(routed):
    servers = routed.backends(backends.Bulk)
    for server in servers:
        server.also = [port for group in (NEAR, FAR) for port in modes.backend_ports(group) if port != server.port]
    routed.servers = backends.start_all(servers)
    return routed


def transfer(place, vip, port):
    record = place.client.bulk(vip, port, MEBIBYTES)
    assert record["error"] is None, record
    assert record["sent_right"] and record["received_right"], record
    return place.hosts[int(record["server"]) - 1]


@pytest.fixture(params=FAMILIES, ids=lambda family: f"ipv{family}")
def vip(place, request):
    place.family = request.param
    return place.vip if request.param == 4 else place.vip6


def reasons(weir):
    return {row["reason"]: row["packets"] for row in weir.show("stats")}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_narrow_toward_the_client(place, make_balancer, engine, vip):
    """A backend's packets are too long: it learns so, also where its answers do not pass weir."""
    weir = modes.start(make_balancer(engine, place), place)
    client, balanced = (("10.9.0.2", "10.0.0.10"), ("2001:db8:9::2", "2001:db8::10"))[place.family == 6]
    place.narrow("client", HOP)
    for mode, port in MODES.items():
        for _ in place.hosts[:2]:
            place.forget()  # or the client would announce an MSS that fits
            host = transfer(place, vip, port)
            told = (client, vip) if mode in DIRECT else (client,)
            assert path_mtu(host, *((balanced,) if mode == "nat" else told)) == HOP, (mode, host.name)
    counted = reasons(weir)
    assert counted["icmp_error"] >= 2 * len(MODES), counted


def expected(place):
    """The narrow hop toward the far backend, and what the client must learn of it in each mode."""
    outer, hop = ((0, HOP), (20, HOP + 60))[place.family == 6]  # of IPv6 no packet may be told to be shorter than 1280
    return hop, {"nat": hop, "transparent": hop, "ipip": hop - outer - 20, "gue": hop - outer - 28}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_narrow_toward_the_backend(place, make_balancer, engine, vip):
    """The client's packets are too long for a router between weir and the backend. What it says of a tunnel's packets,
    which are weir's own, weir says to the clients. (In dsr no router is there.)"""
    weir = modes.start(make_balancer(engine, place), place)
    hop, told = expected(place)
    place.narrow("backend", hop)
    for mode, mtu in told.items():
        place.forget()
        transfer(place, vip, modes.port(mode, FAR))
        assert path_mtu(place.client, vip) == mtu, mode
        tunnels = sum(f"may have {hop} bytes" in line for line in weir.log().splitlines())
        assert tunnels == (mode in DIRECT), "said once, and the first to meet it is ipip"
    counted = reasons(weir)
    assert counted["icmp_error"] >= 2 and counted["too_big_sent"] >= 2, counted


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_a_route_says_how_narrow(place, make_balancer, engine, vip):
    """With an MTU on the balancer's own route, weir answers in the router's place, and counts its headers in."""
    network, router = (("10.4.0.0/24", "10.0.0.253"), ("2001:db8:4::/64", "2001:db8::253"))[place.family == 6]
    hop, told = expected(place)
    place.balancer.run("ip", "route", "replace", network, "via", router, "mtu", str(hop))
    try:
        weir = modes.start(make_balancer(engine, place), place)
        place.narrow("backend", hop)
        for mode, mtu in told.items():
            place.forget()
            transfer(place, vip, modes.port(mode, FAR))
            assert path_mtu(place.client, vip) == mtu, mode
        counted = reasons(weir)
        assert counted["too_big_sent"] >= 4 and "icmp_error" not in counted, counted
    finally:
        place.balancer.run("ip", "route", "replace", network, "via", router)
