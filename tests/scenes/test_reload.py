# SPDX-License-Identifier: Apache-2.0
"""HUP under load breaks nothing: no request fails, open flows stay where they are, a backend that was
added or removed counts from then on, and a broken file leaves the old configuration at work."""
import time

import pytest
from ground import backends, balancer, expect
from ground.netns import wait_for


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


def conf(place, count):
    return balancer.stream_conf([server.endpoint for server in place.servers[:count]])


def wait_for_backends(place, ids):
    """Until exactly these answer; each look is 12 new connections."""
    def seen():
        return set(place.client.client("get", place.url(), "-n", 12)["counts"]) == ids
    wait_for(seen, 10, f"the backends are {sorted(ids)}")


@pytest.mark.parametrize("engine", balancer.ALL)
def test_backends_come_and_go_under_load(place, make_balancer, engine):
    lb = make_balancer(engine, place).start(conf(place, 3))
    held = [place.client.start_client("hold", place.url()) for _ in range(3)]
    time.sleep(1)  # they are connected: the load's connections come after theirs in turn
    load = place.client.start_client("load", place.url(), "-c", "4", "--pause", "0.005")
    time.sleep(0.5)
    for count in (2, 3, 1, 3):
        lb.reload(conf(place, count))
        wait_for_backends(place, {str(number) for number in range(1, count + 1)})
    flows = [client.finish() for client in held]
    expect.all_right(load.finish())
    for flow in flows:
        expect.all_right(flow)
        assert len(flow["counts"]) == 1, "an open flow has moved to another backend"
    assert {server for flow in flows for server in flow["counts"]} == {"1", "2", "3"}


@pytest.mark.parametrize("engine", balancer.ALL)
def test_the_same_file_again_and_again(place, make_balancer, engine):
    lb = make_balancer(engine, place).start(conf(place, 3))
    time.sleep(1)  # they are connected: the load's connections come after theirs in turn
    load = place.client.start_client("load", place.url(), "-c", "4", "--pause", "0.005")
    for _ in range(5):
        lb.reload()
        time.sleep(0.3)
    expect.all_right(load.finish())
    assert lb.running()


@pytest.mark.parametrize("engine", balancer.ALL)
def test_a_broken_file_changes_nothing(place, make_balancer, engine):
    lb = make_balancer(engine, place).start(conf(place, 3))
    load = place.client.start_client("load", place.url(), "-c", "2", "--pause", "0.005")
    lb.reload(conf(place, 2).replace("upstream lb {", "upstream lb { lest_conn;"))
    wanted = f'unknown directive "lest_conn" in {lb.configuration}:'
    wait_for(lambda: wanted in lb.log(), 5, f"the log says {wanted}")
    assert lb.running()
    wait_for_backends(place, {"1", "2", "3"})
    expect.all_right(load.finish())


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_an_empty_file_changes_nothing(place, make_balancer, engine):
    """As a full disk leaves it behind, or a tool that writes it in two steps."""
    lb = make_balancer(engine, place).start(conf(place, 3))
    load = place.client.start_client("load", place.url(), "-c", "2", "--pause", "0.005")
    lb.reload("")
    wanted = f'no "server" in configuration {lb.configuration}'
    wait_for(lambda: wanted in lb.log(), 5, f"the log says {wanted}")
    lb.reload("stream {\n}\n")
    wait_for(lambda: lb.log().count(wanted) == 2, 5, f"the log says it again\n{lb.log()}")
    wait_for_backends(place, {"1", "2", "3"})
    expect.all_right(load.finish())
    assert [row["state"] for row in lb.show("services")] == ["up"]
