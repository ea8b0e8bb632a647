# SPDX-License-Identifier: Apache-2.0
"""A cable is pulled: the backend behind it gets no new flows, and whoever reads the log learns it there, once, with the
reason; so he does when it is plugged in again. Of a service whose last backend goes, the log has an error."""
import re

import pytest
from ground import backends, balancer, expect
from ground.netns import wait_for


@pytest.fixture
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    yield one_armed
    for number in (2, 3):
        cable(one_armed, number, "up")


def cable(place, number, state):
    place.switch.run("ip", "link", "set", f"backend{number}", state)


def probe(place, address):
    """The kernel asks again now, which it would do within the minute."""
    place.balancer.run("ip", "neigh", "change", address, "dev", "eth0", "nud", "probe")


def wait_for_line(weir, level, text):
    """Exactly one such line."""
    wanted = re.compile(rf"\[{level}\] \S+ {re.escape(text)}")
    wait_for(lambda: wanted.search(weir.log()), 20, f"the log says: {text}")
    assert len(wanted.findall(weir.log())) == 1, weir.log()


def test_a_cable_is_pulled_and_plugged_in_again(place, make_balancer):
    _, two, three = place.servers
    text = "stream {\n upstream lb { server %s; server %s; }\n server { listen 80; proxy_pass lb; }\n" % (
        place.servers[0].endpoint, two.endpoint)
    text += " upstream last { server %s; }\n server { listen 81; proxy_pass last; }\n}\n" % three.endpoint
    weir = make_balancer("xdp", place).start(text)
    assert "unreachable" not in weir.log() and "no backend left" not in weir.log(), weir.log()

    for number in (2, 3):
        cable(place, number, "down")
        probe(place, place.addresses[number - 1])
    for server, upstream in ((two, "lb"), (three, "last")):
        wait_for_line(weir, "error", f"backend {server.endpoint} of upstream {upstream} is unreachable, it gets no "
                                   f"new flows: {server.address} has not answered ARP on eth0")
    wait_for_line(weir, "error", "upstream last has no backend left for new flows")
    expect.all_right(place.client.client("get", place.url(), "-n", 20), 20)

    for number in (2, 3):
        cable(place, number, "up")
    for server, upstream in ((two, "lb"), (three, "last")):
        wait_for_line(weir, "warn", f"backend {server.endpoint} of upstream {upstream} is reachable again: "
                                   f"{server.address} via eth0")
    wait_for_line(weir, "warn", "upstream last has a backend for new flows again")
    expect.all_right(place.client.client("get", place.url(port=81), "-n", 10), 10)
    assert weir.log().count("is unreachable") == 2 and weir.log().count("is reachable again") == 2, weir.log()
