# SPDX-License-Identifier: Apache-2.0
"""proxy_bind $remote_addr transparent: the backends see the client's own address and port, and answer it
through the balancer, which changes the source back."""
import pytest
from ground import backends, balancer, expect


@pytest.fixture(scope="module")
def place(two_armed):
    for host in two_armed.hosts:
        host.route("10.1.0.0/24", "10.2.0.10")
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
