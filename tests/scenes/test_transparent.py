# SPDX-License-Identifier: Apache-2.0
"""proxy_bind $remote_addr transparent: the backends see the client's own address and port, and answer it
through the balancer, which changes the source back."""
import pytest
from ground import backends, balancer, expect


@pytest.fixture(scope="module")
def place(two_armed_dual):
    two_armed = two_armed_dual
    for host in two_armed.hosts:
        host.route("10.1.0.0/24", "10.2.0.10")
        host.route("2001:db8:1::/64", "2001:db8:2::10")
    two_armed.servers = backends.start_all(two_armed.backends(backends.Nginx))
    return two_armed


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_transparent(place, make_balancer, engine):
    servers = [server.endpoint for server in place.servers]
    weir = make_balancer(engine, place).start(
        balancer.http_conf(servers, extra="proxy_bind $remote_addr transparent;"))
    expect.serves_well(place, 3000)
    seen = place.client.run("curl", "-s", place.url("/client")).stdout
    assert seen == "10.1.0.2"
    rows = weir.show("backends")
    assert {row["mode"] for row in rows} == {"transparent"}
    assert all(row["packets_out"] > 0 for row in rows), rows


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_transparent_ipv6(place, make_balancer, engine):
    servers = [f"[{address}]:8080" for address in place.addresses6]
    text = balancer.stream_conf(servers, listen="[::]:80", extra="proxy_bind $remote_addr transparent;")
    weir = make_balancer(engine, place)
    weir.configuration = weir.prepare(text)
    weir.launch()
    place.client.client("wait", place.vip6, 80, "--timeout", 15)
    many = place.client.client("get", place.url(address=place.vip6), "-n", 600, "-c", 8)
    expect.all_right(many, 600)
    expect.even_shares(many, 3)
    expect.intact(place.client.client("fetch", place.url("/blob/100m", address=place.vip6)), 100)
    assert place.client.run("curl", "-s", place.url("/client", address=place.vip6)).stdout == "2001:db8:1::2"
