# SPDX-License-Identifier: Apache-2.0
"""Every family of client in front of every family of backend, as a proxy has it: IPv6 to IPv6, IPv6 to
IPv4 (the tutorial's Express apps) and IPv4 to IPv6; TCP and UDP; a wildcard of each family; backends on
the balancer itself."""
import pytest
from ground import backends, balancer, expect

PORT = 5300


@pytest.fixture(scope="module")
def place(one_armed_dual):
    place = one_armed_dual
    place.apps = backends.start_all(place.backends(backends.Express))
    place.servers6 = backends.start_all([place.backend6(backends.Nginx, n, 8086) for n in (1, 2, 3)])
    place.echoes = backends.start_all(place.backends(backends.UdpEcho, PORT))
    place.echoes6 = backends.start_all([place.backend6(backends.UdpEcho, n, PORT + 1) for n in (1, 2, 3)])
    return place


def conf(place):
    apps = "".join(f"server {server.endpoint}; " for server in place.apps)
    six = "".join(f"server {server.endpoint}; " for server in place.servers6)
    echoes = "".join(f"server {server.endpoint}; " for server in place.echoes)
    echoes6 = "".join(f"server {server.endpoint}; " for server in place.echoes6)
    return f"""stream {{
    upstream apps {{ {apps} }}
    upstream six {{ {six} }}
    upstream echoes {{ {echoes} }}
    upstream echoes6 {{ {echoes6} }}
    server {{ listen 80; listen [::]:80; proxy_pass apps; }}
    server {{ listen 86; listen [::]:86; proxy_pass six; }}
    server {{ listen {PORT} udp; listen [::]:{PORT} udp; proxy_pass echoes; }}
    server {{ listen {PORT + 1} udp; listen [::]:{PORT + 1} udp; proxy_pass echoes6; }}
}}
"""


# client's family, and the service that leads to backends of the other or the same
TCP = [pytest.param(6, 86, id="6to6"), pytest.param(6, 80, id="6to4"), pytest.param(4, 86, id="4to6"),
       pytest.param(4, 80, id="4to4")]


def vip(place, family):
    return place.vip6 if family == 6 else place.vip


@pytest.mark.parametrize("family, port", TCP)
@pytest.mark.parametrize("engine", balancer.ALL)
def test_tcp(place, make_balancer, engine, family, port):
    make_balancer(engine, place).start(conf(place))
    url = place.url(port=port, address=vip(place, family))
    many = place.client.client("get", url, "-n", 900, "-c", 8)
    expect.all_right(many, 900)
    expect.even_shares(many, 3)
    expect.in_turn(place.client.client("get", url, "-n", 30), 3)
    for mebibytes in (1, 100):
        blob = place.url(f"/blob/{mebibytes}m", port=port, address=vip(place, family))
        expect.intact(place.client.client("fetch", blob), mebibytes)


@pytest.mark.parametrize("family, port", [pytest.param(6, PORT + 1, id="6to6"), pytest.param(6, PORT, id="6to4"),
                                          pytest.param(4, PORT + 1, id="4to6")])
@pytest.mark.parametrize("engine", balancer.ALL)
def test_udp(place, make_balancer, engine, family, port):
    make_balancer(engine, place).start(conf(place))
    sessions = place.client.client("udp", vip(place, family), port, "-n", 150, "--per-socket", 3,
                                   "--size", 1200)
    expect.all_right(sessions, 150)
    expect.even_shares(sessions, 3)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_weirctl_writes_both_families(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place))
    place.client.client("get", place.url(port=86, address=place.vip6), "-n", 3)
    services = {row["service"] for row in weir.show("services")}
    assert {f"{place.vip}:80", f"[{place.vip6}]:80"} <= services
    flows = [row for row in weir.show("flows") if row["service"] == f"[{place.vip6}]:86"]
    assert flows and all(row["backend"].startswith("[2001:db8::2") for row in flows), flows
