# SPDX-License-Identifier: Apache-2.0
"""ipip and gue: the backends take the outer headers off and answer the clients themselves. TCP with downloads, UDP,
and a server that has no port of its own behind two services."""
import pytest
from ground import backends, balancer, expect, topology
from ground.paths import BUILD

ECHO = 5300


@pytest.fixture(scope="module")
def place(one_armed):
    decapsulate = ("backend-tunnel", "--xdp", BUILD / "tests" / "apps" / "decap.bpf.o")
    topology.direct_return(one_armed, "10.0.0.80", decapsulate)
    for host in one_armed.hosts:
        host.route("default", "10.0.0.254")
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx, 80))
    one_armed.others = backends.start_all(one_armed.backends(backends.Nginx, 8000))
    one_armed.echoes = [backends.UdpEcho(host, number, one_armed.vip, ECHO)
                        for number, host in enumerate(one_armed.hosts, 1)]
    backends.start_all(one_armed.echoes)
    return one_armed


def conf(place, mode):
    servers = "".join(f"server {address}; " for address in place.addresses)
    return f"""stream {{
    upstream lb {{ forward {mode}; {servers} }}
    upstream echo {{ forward {mode}; {servers} }}
    server {{ listen {place.vip}:80; listen {place.vip}:8000-8010; proxy_pass lb; }}
    server {{ listen {place.vip}:{ECHO} udp; proxy_pass echo; }}
}}
"""


@pytest.mark.parametrize("mode", ["ipip", "gue port=6080", "gue checksum=on"])
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_tunnel(place, make_balancer, engine, mode):
    weir = make_balancer(engine, place).start(conf(place, mode))
    many = place.client.client("get", place.url(), "-n", 900, "-c", 8)
    expect.all_right(many, 900)
    expect.even_shares(many, 3)
    expect.all_right(place.client.client("get", place.url(port=8000), "-n", 90), 90)
    expect.intact(place.client.client("fetch", place.url("/blob/100m")), 100)
    expect.all_right(place.far_client.client("get", place.url(), "-n", 90, "-c", 4), 90)
    sessions = place.client.client("udp", place.vip, ECHO, "-n", 90, "--per-socket", 3, "--size", 1000)
    expect.all_right(sessions, 90)
    expect.even_shares(sessions, 3)
    assert place.client.run("curl", "-s", place.url("/client")).stdout == "10.0.0.2"
    rows = weir.show("backends")
    assert {row["mode"] for row in rows} == {mode.split()[0]}
    assert {row["service"] for row in weir.show("services")} == {
        f"{place.vip}:80", f"{place.vip}:8000-8010", f"{place.vip}:{ECHO}"}
