# SPDX-License-Identifier: Apache-2.0
"""One-armed: client, balancer and the three Express apps on one switch. Every response is right, shares
are exact, downloads are intact, a client behind a router is served, and the host notices nothing."""
import sys

import pytest
from ground import backends, balancer, expect
from ground.paths import APPS


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Express))
    for namespace in (one_armed.balancer, one_armed.client):
        namespace.spawn(sys.executable, APPS / "banner.py", "SSH-2.0-scene", "22", "4242")
    one_armed.client.client("wait", one_armed.vip, 4242)
    return one_armed


def conf(place):
    return balancer.http_conf([server.endpoint for server in place.servers])


@pytest.mark.parametrize("engine", balancer.ALL)
def test_every_response_is_right(place, make_balancer, engine):
    make_balancer(engine, place).start(conf(place))
    expect.serves_well(place, 10_000)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_client_behind_a_router(place, make_balancer, engine):
    make_balancer(engine, place).start(conf(place))
    expect.all_right(place.far_client.client("get", place.url(), "-n", 300, "-c", 4), 300)
    expect.intact(place.far_client.client("fetch", place.url("/blob/1m")), 1)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_host_traffic_is_untouched(place, make_balancer, engine):
    make_balancer(engine, place).start(conf(place))
    load = place.client.start_client("load", place.url(), "-c", "2")
    expect.host_untouched(place, [22, 4242])
    outwards = place.balancer.client("banner", "10.0.0.2", 4242)
    assert outwards["line"] == "SSH-2.0-scene"
    expect.all_right(load.finish())
