# SPDX-License-Identifier: Apache-2.0
"""After TERM or QUIT the machine is as it was: no XDP program, pin, map, interface, route, namespace,
shared memory, huge page or process is left, no setting changed."""
import signal
import time

import pytest
from ground import backends, balancer, expect, machine


@pytest.fixture(scope="module")
def place(local):
    local.servers = backends.start_all(local.backends(backends.Nginx))
    return local


@pytest.fixture(scope="module")
def two_ports(two_armed):
    two_armed.servers = backends.start_all(two_armed.backends(backends.Nginx))
    return two_armed


def leftovers(before, namespace, seconds=3):
    """The kernel frees some things a moment after the last user is gone."""
    deadline = time.monotonic() + seconds
    while (left := machine.difference(before, machine.snapshot(namespace))):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_nothing_is_left(place, make_balancer, engine, number):
    before = machine.snapshot(place.balancer)
    conf = balancer.http_conf([server.endpoint for server in place.servers])
    weir = make_balancer(engine, place).start(conf)
    expect.all_right(place.client.client("get", place.url(), "-n", 30), 30)
    during = machine.snapshot(place.balancer)
    assert "weir0" in during["interfaces"]
    if engine == "xdp":
        assert "eth0" in during["xdp"], "the snapshot does not see what it must find gone"
    assert weir.stop(number) == 0, weir.log()
    assert leftovers(before, place.balancer) == []
    assert not weir.pid_file.exists()
    expect.host_untouched(place, [])


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_nothing_is_left_of_two_ports(two_ports, make_balancer, engine):
    before = machine.snapshot(two_ports.balancer)
    conf = balancer.http_conf([server.endpoint for server in two_ports.servers])
    weir = make_balancer(engine, two_ports).start(conf)
    expect.all_right(two_ports.client.client("get", two_ports.url(), "-n", 30), 30)
    assert weir.stop() == 0, weir.log()
    assert leftovers(before, two_ports.balancer) == []


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_nothing_is_left_of_a_start_that_is_cut_short(two_ports, make_balancer, engine):
    """TERM at any moment of a start, also before anything is forwarded."""
    before = machine.snapshot(two_ports.balancer)
    for milliseconds in range(20, 420, 40):
        weir = make_balancer(engine, two_ports)
        weir.configuration = weir.prepare(balancer.http_conf([server.endpoint for server in two_ports.servers]))
        weir.launch()
        time.sleep(milliseconds / 1000)
        # so early that main() has not begun, it just ends; later, it ends as ever
        assert weir.stop() in (0, -signal.SIGTERM), weir.log()
        assert leftovers(before, two_ports.balancer) == [], milliseconds
