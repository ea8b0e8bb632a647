# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenes. A module makes one topology with its backends; each test gets a balancer of
its own, on the engine of its parameter, that is ended after the test however that went."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ground import balancer as balancers  # noqa: E402
from ground import machine, paths, topology  # noqa: E402
from ground import routed as routed_place  # noqa: E402
from ground import tagged as tagged_place  # noqa: E402


def pytest_collection_modifyitems(items):
    """Scenes need root; weir's own need its binaries. Both are said, never passed over in silence."""
    missing = paths.missing()
    for item in items:
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="scenes make network namespaces: run as root"))
        params = getattr(item, "callspec", None)
        is_control = params is not None and params.params.get("engine") == "nginx"
        if missing and not is_control:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def make_balancer():
    """make_balancer(engine, topology): a Balancer, not yet started."""
    made = []

    def make(engine, place, **options):
        made.append(balancers.make(engine, place, **options))
        return made[-1]

    yield make
    for balancer in made:
        end(balancer)


def end(balancer):
    try:
        balancer.close()
    finally:
        if balancer.running():
            balancer.kill()
        if balancer.kind != "nginx":
            sweep_up(balancer.namespace)


def sweep_up(namespace):
    """What a killed weir has left: its dataplane, files, and the XDP programs of its ports."""
    left = machine.weir_processes(namespace)
    for pid in left:
        os.kill(pid, 9)
    machine.sweep()


def topology_fixture(make):
    @pytest.fixture(scope="module")
    def place():
        made = make()
        yield made
        made.close()
    return place


one_armed = topology_fixture(topology.one_armed)
two_armed = topology_fixture(topology.two_armed)
two_queue = topology_fixture(topology.two_queue)
local = topology_fixture(topology.local)
one_armed_dual = topology_fixture(lambda: topology.dual_stack(topology.one_armed()))
two_armed_dual = topology_fixture(lambda: topology.dual_stack(topology.two_armed()))
local_dual = topology_fixture(lambda: topology.dual_stack(topology.local()))
routed = topology_fixture(routed_place.routed)
tagged = topology_fixture(tagged_place.tagged)
