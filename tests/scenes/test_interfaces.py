# SPDX-License-Identifier: Apache-2.0
"""An interface of a port that is deleted and made again, as network scripts do with VLANs and a driver does when it is
loaded anew, or that gets another MAC: the log tells, and weir goes on with what is there."""
import pytest
from ground import backends, balancer, expect, topology
from ground.netns import wait_for

CONF = balancer.stream_conf(["10.2.0.21:8080", "10.2.0.22:8080"], extra="health_check interval=1s;")


@pytest.fixture(scope="module")
def place(two_armed):
    backends.start_all(two_armed.backends(backends.Nginx))
    return two_armed


@pytest.fixture
def delete(place):
    """Takes the backends' interface away; what it returns makes it again."""
    switch = next(one for one in place.lab.namespaces if one.name == "switch")
    gone = []

    def make():
        if gone:
            topology.plug(switch, place.balancer, "eth1", "balancer2", "10.2.0.10/24")
        gone.clear()

    def take():
        place.balancer.run("ip", "link", "del", "eth1")
        gone.append(True)
        return make

    yield take
    make()


def answers(place):
    return place.client.run("curl", "-s", "-o", "/dev/null", "-m", "1", place.url(), check=False).returncode == 0


def states(weir):
    return {row["state"] for row in weir.show("backends") if row["upstream"] == "lb"}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_interface_made_again(place, make_balancer, engine, delete):
    weir = make_balancer(engine, place).start(CONF)
    make_again = delete()
    wait_for(lambda: "interface eth1 of port eth1 is gone" in weir.log(), 5, "the log says so")
    wait_for(lambda: "up" not in states(weir), 5, "no backend is up")
    eth1 = next(row for row in weir.show("ports") if row["name"] == "eth1")
    assert eth1["mode"] == "gone", eth1

    make_again()
    wait_for(lambda: "eth1 has been made again" in weir.log(), 5, "the log says so")
    wait_for(lambda: answers(place), 15, "clients are served again")
    expect.all_right(place.client.client("get", place.url(), "-n", 200, "-c", 8), 200)
    assert "no steering program" not in weir.log()
    wait_for(lambda: states(weir) == {"up"}, 10, "all backends are up")
    assert weir.stop() == 0


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_another_mac(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(CONF)
    mac = f"02:00:00:00:77:{len(engine):02}"
    place.balancer.run("ip", "link", "set", "eth0", "address", mac)
    place.client.run("ip", "neigh", "flush", "all")
    wait_for(lambda: f"port eth0 has the MAC {mac} now" in weir.log(), 5, "the log says so")
    wait_for(lambda: answers(place), 5, "clients are served")
    expect.all_right(place.client.client("get", place.url(), "-n", 200, "-c", 8), 200)
