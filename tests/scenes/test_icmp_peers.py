# SPDX-License-Identifier: Apache-2.0
"""Two balancers with one address, as behind equal-cost paths: an ICMP error about a connection of the one arrives at the
other, which passes it on; the backend's kernel hears of it, and the connection goes on."""
import dataclasses
import json
import sys

import pytest
from ground import backends, balancer
from ground.netns import wait_for
from ground.paths import APPS
from ground.topology import plug

FIRST, SECOND = "10.0.0.10", "10.0.0.11"


@pytest.fixture(scope="module")
def place(one_armed):
    """The second balancer serves the shared address, which nobody has on its link: it says nothing of it."""
    one_armed.second = one_armed.lab.namespace("second", is_balancer=True)
    plug(one_armed.switch, one_armed.second, "eth0", "second", f"{SECOND}/24")
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx, 80)[:1])
    return one_armed


def conf(place):
    return f"""stream {{
    upstream lb {{ server {place.servers[0].endpoint}; }}
    server {{ listen {FIRST}:80; listen {SECOND}:80; proxy_pass lb; }}
}}
"""


def reasons(weir):
    return {row["reason"]: row["packets"] for row in weir.show("stats")}


def errors_heard(host):
    """ICMP errors that the host's kernel has counted as "fragmentation needed" and the like."""
    shown = host.run("cat", "/proc/net/snmp").stdout  # of the reader's own namespace
    lines = [line.split() for line in shown.splitlines() if line.startswith("Icmp:")]
    return int(dict(zip(*lines))["InDestUnreachs"])


def mac_of(host):
    return json.loads(host.run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_an_error_finds_its_flow(place, make_balancer, engine):
    other = dataclasses.replace(place, balancer=place.second, vip=SECOND)
    first = make_balancer(engine, place, options=f"icmp_peers {SECOND};").start(conf(place))
    second = make_balancer(engine, other, options=f"icmp_peers {FIRST};", name="second").start(conf(place))
    for weir in (first, second):
        wait_for(lambda: {row["state"] for row in weir.show("backends")} == {"up"}, 10, "the peer's MAC is known")
    host = place.servers[0].namespace
    before = errors_heard(host)
    place.client.run(sys.executable, APPS / "misdirect.py", FIRST, "80", "eth0", mac_of(place.second))
    wait_for(lambda: reasons(second).get("icmp_to_peer") == 1, 5, "the second one asks the first")
    wait_for(lambda: reasons(first).get("icmp_error") == 1, 5, "the first one knows the flow")
    wait_for(lambda: errors_heard(host) == before + 1, 5, "the backend hears of it")
    for weir, address in ((first, FIRST), (second, SECOND)):
        assert f"backends see {address}, an address of services" in weir.log()


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_an_error_about_no_flow_ends(place, make_balancer, engine):
    """A connection to the host behind no balancer: each asks the other once, and that is all."""
    other = dataclasses.replace(place, balancer=place.second, vip=SECOND)
    first = make_balancer(engine, place, options=f"icmp_peers {SECOND};").start(conf(place))
    second = make_balancer(engine, other, options=f"icmp_peers {FIRST};", name="second").start(conf(place))
    for weir in (first, second):
        wait_for(lambda: {row["state"] for row in weir.show("backends")} == {"up"}, 10, "the peer's MAC is known")
    place.client.run(sys.executable, APPS / "misdirect.py", place.servers[0].address, "80", "eth0", mac_of(place.second),
                     FIRST)
    wait_for(lambda: reasons(second).get("icmp_no_peer") == 1, 5, "nobody has it")
    assert reasons(second)["icmp_to_peer"] == 1
    assert reasons(first)["icmp_to_peer"] == 1
