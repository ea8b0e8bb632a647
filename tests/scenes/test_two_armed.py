# SPDX-License-Identifier: Apache-2.0
"""Two-armed: clients on eth0, backends on eth1, the balancer the only way between them."""
import sys

import pytest
from ground import backends, balancer, expect
from ground.paths import APPS


@pytest.fixture(scope="module")
def place(two_armed):
    two_armed.servers = backends.start_all(two_armed.backends(backends.Express))
    two_armed.balancer.spawn(sys.executable, APPS / "banner.py", "SSH-2.0-scene", "22", "4242")
    two_armed.client.client("wait", two_armed.vip, 4242)
    return two_armed


@pytest.mark.parametrize("engine", balancer.ALL)
def test_every_response_is_right(place, make_balancer, engine):
    conf = balancer.http_conf([server.endpoint for server in place.servers])
    make_balancer(engine, place).start(conf)
    expect.serves_well(place, 10_000)
    expect.host_untouched(place, [22, 4242])


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_backends_see_an_address_of_their_own_network(place, make_balancer, engine):
    """Full NAT: the backends have no route to the client's network, and need none."""
    assert "10.1.0.0" not in place.hosts[0].run("ip", "route").stdout
    conf = balancer.stream_conf([server.endpoint for server in place.servers])
    make_balancer(engine, place).start(conf)
    expect.all_right(place.client.client("get", place.url(), "-n", 30), 30)
