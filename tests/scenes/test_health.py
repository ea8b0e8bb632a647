# SPDX-License-Identifier: Apache-2.0
"""A backend is killed and restarted under load: health_check takes it out and in again. Requests fail
only within the detection window, and flows of the other backends never notice."""
import time

import pytest
from ground import backends, balancer, expect
from ground.netns import wait_for

# One interval until the next probe, the probe itself, and this machine's scheduling.
WINDOW = 3.0


@pytest.fixture
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    yield one_armed
    for server in one_armed.servers:
        server.kill()


def conf(place, block):
    servers = [server.endpoint for server in place.servers]
    make = balancer.http_conf if block == "http" else balancer.stream_conf
    return make(servers, extra="health_check interval=1s fails=1 passes=1;")


@pytest.mark.parametrize("block", ["http", "stream"])
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_killed_and_restarted(place, make_balancer, engine, block):
    weir = make_balancer(engine, place).start(conf(place, block))
    victim, survivors = place.servers[1], {"1", "3"}
    wait_for(lambda: weir.backend_state(victim) == "up", 5, "all backends are up")

    # Two flows that are open for the whole time, on the backends next in turn that survive.
    downloads = [place.client.start_client("fetch", place.url("/blob/100m"), "--seconds", "6")
                 for _ in range(3)]
    time.sleep(1)  # they are connected: the load's connections come after theirs in turn
    load = place.client.start_client("load", place.url(), "-c", "4", "--pause", "0.005")
    time.sleep(1)
    killed_at = time.time()
    victim.kill()
    wait_for(lambda: weir.backend_state(victim) == "unhealthy", WINDOW, f"taken out\n{weir.log()}")
    assert victim.address in weir.log()

    without = place.client.client("get", place.url(), "-n", 60)
    expect.all_right(without, 60)
    assert set(without["counts"]) == survivors

    victim.start().ready()
    wait_for(lambda: weir.backend_state(victim) == "up", WINDOW, f"taken in again\n{weir.log()}")
    again = place.client.client("get", place.url(), "-n", 60)
    expect.all_right(again, 60)
    assert set(again["counts"]) == survivors | {victim.id}

    record = load.finish()
    late = [f for f in record["failures"] if not killed_at - 1 <= f["at"] <= killed_at + WINDOW]
    assert late == []
    assert record["answered"] > 100
    finished = [download.result() for download in downloads]
    undisturbed = [download for download in finished if download["server"] in survivors]
    assert len(undisturbed) >= 2, finished
    for download in undisturbed:
        expect.intact(download, 100)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_backup_serves_only_when_the_others_are_dead(place, make_balancer, engine):
    one, two, three = place.servers
    servers = [one.endpoint, f"{two.endpoint} down", f"{three.endpoint} backup"]
    text = balancer.http_conf(servers, extra="health_check interval=1s;")
    weir = make_balancer(engine, place).start(text)
    assert place.client.client("get", place.url(), "-n", 20)["counts"] == {"1": 20}
    one.kill()
    wait_for(lambda: weir.backend_state(one) == "unhealthy", WINDOW, f"taken out\n{weir.log()}")
    assert place.client.client("get", place.url(), "-n", 20)["counts"] == {"3": 20}
    one.start().ready()
    wait_for(lambda: weir.backend_state(one) == "up", WINDOW, f"taken in again\n{weir.log()}")
    assert place.client.client("get", place.url(), "-n", 20)["counts"] == {"1": 20}
