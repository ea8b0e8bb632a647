# SPDX-License-Identifier: Apache-2.0
"""A machine that scripts/backend-dsr or backend-tunnel made a backend answers clients from the service's address,
whatever its packets came in, and leaves the service's ARP to the balancer. A real kernel takes the packets; the
balancer's part is played by scapy."""
import json
import sys

import pytest

from ground import netns
from ground.paths import APPS, BUILD, ROOT

SERVICES = ("192.0.2.10", "2001:db8:5::10")
TUNNELS = [f"{kind} {inner}in{outer}" for kind in ("ipip", "gue") for inner in (4, 6) for outer in (4, 6)]


@pytest.fixture
def place():
    lab = netns.Lab()
    client, backend = lab.namespace("client"), lab.namespace("backend")
    lab.link(client, "wire", backend, "eth0")
    for namespace, device, addresses in (
        (client, "wire", ("10.0.0.1/24", "198.51.100.7/32", "2001:db8:b::1/64", "2001:db8:c::7/128")),
        (backend, "eth0", ("10.0.0.10/24", "2001:db8:b::10/64")),
    ):
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            namespace.run("ip", "address", "add", address, "dev", device, *nodad)
    for clients in ("198.51.100.0/24", "2001:db8:c::/64"):
        backend.run("ip", "route", "add", clients, "dev", "eth0")
    yield client, backend
    lab.close()


def told(client, backend):
    """What tunnel_client.py saw, the echo servers being up."""
    for number, address in enumerate(SERVICES):
        log = backend.lab.directory / f"echo{number}.log"
        server = backend.spawn(sys.executable, APPS / "udp_echo.py", "b", address, 53, log=log)
        for _ in range(100):
            if log.exists() and "udp echo" in log.read_text():
                break
            assert server.poll() is None, log.read_text()
            backend.run("sleep", "0.05")
    mac = json.loads(backend.run("ip", "-json", "link", "show", "dev", "eth0").stdout)[0]["address"]
    return json.loads(client.run(sys.executable, APPS / "tunnel_client.py", "wire", mac).stdout)


def answered(seen, name):
    kind, inner = name.split()[0], name.split()[1][0]
    return seen[name] == f"b:{kind} from {SERVICES[0 if inner == '4' else 1]}"


def test_dsr(place):
    client, backend = place
    backend.run(ROOT / "scripts" / "backend-dsr", "eth0", *SERVICES)
    seen = told(client, backend)
    assert answered(seen, "dsr 4") and answered(seen, "dsr 6"), seen
    assert seen["arp for itself"] and not seen["arp for the service"], seen
    assert not any(answered(seen, name) for name in TUNNELS), seen
    backend.run(ROOT / "scripts" / "backend-dsr", "--undo", "eth0", *SERVICES)
    assert "192.0.2.10" not in backend.run("ip", "address", "show", "dev", "lo").stdout


def test_tunnels_taken_off_by_xdp(place):
    client, backend = place
    program = BUILD / "tests" / "apps" / "decap.bpf.o"
    backend.run(ROOT / "scripts" / "backend-tunnel", "--xdp", program, "eth0", *SERVICES)
    seen = told(client, backend)
    for name in (*TUNNELS, "dsr 4", "dsr 6"):
        assert answered(seen, name), (name, seen)
    assert not seen["arp for the service"], seen
