# SPDX-License-Identifier: Apache-2.0
"""kill -9 of weir under load breaks nothing, and a restarted weir takes over: the same dataplane, the
same flows. Then it ends as cleanly as if nothing had happened."""
import os
import time

import pytest
from ground import backends, balancer, expect, machine
from ground.netns import wait_for


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


def conf(place, count=3):
    return balancer.stream_conf([server.endpoint for server in place.servers[:count]])


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_killed_and_restarted(place, make_balancer, engine):
    before = machine.snapshot(place.balancer)
    weir = make_balancer(engine, place).start(conf(place))
    held = place.client.start_client("hold", place.url())
    load = place.client.start_client("load", place.url(), "-c", "4", "--pause", "0.005")
    time.sleep(0.5)
    dataplane = weir.dataplane_pids()
    weir.kill()
    time.sleep(1.5)
    expect.all_right(place.client.client("get", place.url(), "-n", 60), 60)
    assert weir.dataplane_pids() == dataplane

    weir.launch()
    weir.wait_control()
    assert weir.dataplane_pids() == dataplane, "the dataplane was started anew"
    time.sleep(0.5)
    weir.reload(conf(place, 2))
    wait_for(lambda: set(place.client.client("get", place.url(), "-n", 12)["counts"]) == {"1", "2"},
             10, f"the restarted weir's tables are at work\n{weir.log()}")

    flow = held.finish()
    expect.all_right(flow)
    assert len(flow["counts"]) == 1
    expect.all_right(load.finish())
    assert weir.stop() == 0
    wait_for(lambda: not machine.difference(before, machine.snapshot(place.balancer)), 3,
             f"nothing is left: {machine.difference(before, machine.snapshot(place.balancer))}")


@pytest.mark.parametrize("engines", [("dpdk", "xdp"), ("xdp", "dpdk")], ids="-then-".join)
@pytest.mark.parametrize("dataplane", ["killed", "alive"])
def test_the_other_engine_takes_its_place(place, make_balancer, engines, dataplane):
    """The emergency switch: what the first one left is gone, the second one serves, and nothing is left of either."""
    before = machine.snapshot(place.balancer)
    first = make_balancer(engines[0], place).start(conf(place))
    pids = first.dataplane_pids()
    first.kill()
    for pid in pids if dataplane == "killed" else []:
        os.kill(pid, 9)
    second = make_balancer(engines[1], place).start(conf(place))
    assert f"left with engine {engines[0]}" in second.log()
    expect.all_right(place.client.client("get", place.url(), "-n", 60), 60)
    assert second.stop() == 0
    wait_for(lambda: not machine.difference(before, machine.snapshot(place.balancer)), 3,
             f"nothing is left: {machine.difference(before, machine.snapshot(place.balancer))}")


def test_killed_dataplane_is_restarted(place, make_balancer):
    """weir says that the dataplane died and starts it again; new flows are served within seconds."""
    weir = make_balancer("dpdk", place).start(conf(place))
    (pid,) = weir.dataplane_pids()
    os.kill(pid, 9)
    wait_for(lambda: weir.dataplane_pids() not in ([], [pid]), 10, f"a new dataplane\n{weir.log()}")
    assert "weir-dataplane" in weir.log()
    weir.wait_ready(80)
    expect.all_right(place.client.client("get", place.url(), "-n", 60), 60)
    assert weir.running()
