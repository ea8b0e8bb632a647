# SPDX-License-Identifier: Apache-2.0
"""The tutorial as it is written: its nginx.conf unchanged, its three Express apps on the balancer's own
docker bridge at 172.17.0.1:1000, 2000 and 3000."""
import sys

import pytest
from ground import backends, balancer, expect
from ground.paths import APPS, TUTORIAL


@pytest.fixture(scope="module")
def place(local):
    backends.start_all(local.backends(backends.Express))
    local.balancer.spawn(sys.executable, APPS / "banner.py", "SSH-2.0-scene", "22", "4242")
    local.client.client("wait", local.vip, 4242)
    return local


@pytest.mark.parametrize("engine", balancer.ALL)
def test_tutorial_unchanged(place, make_balancer, engine):
    make_balancer(engine, place).start(TUTORIAL)
    expect.serves_well(place, 10_000)
    expect.host_untouched(place, [22, 4242])


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_apps_are_still_reached_directly(place, make_balancer, engine):
    """A port of the host that is no service stays the host's, the apps' own ports included."""
    make_balancer(engine, place).start(TUTORIAL)
    for port, server in ((1000, "1"), (2000, "2"), (3000, "3")):
        record = place.client.client("get", place.url(port=port), "-n", 3)
        expect.all_right(record, 3)
        assert record["counts"] == {server: 3}
