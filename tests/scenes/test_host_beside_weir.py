# SPDX-License-Identifier: Apache-2.0
"""What looks like weir's, but is the host's: its own listener between two ranges of ports, what a transparent backend
does of its own accord, the host's connection from a port that weir might use, a service that is gone. As without weir."""
import contextlib
import dataclasses
import sys

import pytest
from ground import backends, balancer
from ground.netns import wait_for
from ground.paths import APPS

CONF = """stream {
    server { listen 10.1.0.10:80; proxy_pass 10.2.0.21:8080; }
    server { listen 10.1.0.10:10-20; proxy_pass 10.2.0.21:8080; }
    server { listen 10.1.0.10:30-40; proxy_pass 10.2.0.21:8080; }
    server { listen 10.1.0.10:8022; proxy_pass 10.2.0.22:8080; proxy_bind $remote_addr transparent; }
%s}
"""
GONE = "    server { listen 10.1.0.10:90; proxy_pass 10.2.0.21:8080; }\n"
REFUSED, ENDED = 7, 28  # curl's exit codes


@pytest.fixture(scope="module")
def place(two_armed):
    backends.start_all(two_armed.backends(backends.Nginx))
    two_armed.balancer.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    for host in two_armed.hosts:
        host.route("default", "10.2.0.10")
    two_armed.client.route("10.2.0.0/24", "10.1.0.10")
    for namespace, port in ((two_armed.balancer, 22), (two_armed.client, 4000)):
        namespace.spawn(sys.executable, APPS / "banner.py", "SSH-2.0-scene", str(port))
    two_armed.client.client("wait", "10.1.0.10", 22)
    return two_armed


def curl(namespace, address, *words):
    return namespace.run("curl", "-s", "-o", "/dev/null", "-m", "3", *words, f"http://{address}/", check=False).returncode


def banner(namespace, address, port):
    return namespace.client("banner", address, port)["line"]


def host_is_itself(place):
    """All but what only a copy of weir's packets could tell."""
    client, transparent = place.client, place.hosts[1]
    assert banner(client, "10.1.0.10", 22) == "SSH-2.0-scene", "between two ranges"
    assert curl(client, "10.1.0.10:25") == REFUSED
    assert curl(client, "10.1.0.10:15") == 0 and curl(client, "10.1.0.10:35") == 0
    assert banner(transparent, "10.1.0.2", 4000) == "SSH-2.0-scene", "a backend's own connection, routed by the host"
    assert banner(transparent, "10.1.0.10", 22) == "SSH-2.0-scene", "a backend's own connection to the host"
    assert curl(place.balancer, "10.2.0.22:8080") == 0


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_host_goes_on(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(CONF % GONE)
    for _ in range(2):  # the second time with flows of weir's there
        host_is_itself(place)
        assert curl(place.client, "10.1.0.10:8022") == 0
    assert curl(place.client, "10.2.0.22:8080") == 0, "a transparent backend, reached without weir"
    for backend in ("10.2.0.21", "10.2.0.22"):
        assert curl(place.balancer, f"{backend}:8080", "--local-port", "20000-20100") == 0, "from a port that may be weir's"

    held = place.client.start_client("hold", "http://10.1.0.10:90/")
    wait_for(lambda: any(row["service"] == "10.1.0.10:90" for row in weir.show("flows")), 5, "a flow is open")
    weir.reload(CONF % "")
    wait_for(lambda: curl(place.client, "10.1.0.10:90") == REFUSED, 5, "a service that is gone is refused")
    counted = {row["reason"]: row["packets"] for row in weir.show("stats")}
    assert counted["service_draining"] > 0 and counted.get("host_link_stray", 0) == 0, counted
    with contextlib.suppress(RuntimeError):
        held.finish()


def test_host_goes_on_beside_copies(place, make_balancer):
    """AF_PACKET: the kernel drops its copy of what is weir's."""
    copied = dataclasses.replace(place, ports=[f"{name} driver=af_packet" for name in place.ports])
    make_balancer("dpdk", copied).start(CONF % "")
    host_is_itself(place)
    assert curl(place.client, "10.1.0.10:8022") == 0
