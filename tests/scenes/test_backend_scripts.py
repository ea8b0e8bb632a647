# SPDX-License-Identifier: Apache-2.0
"""A machine that scripts/backend-dsr or backend-tunnel made a backend answers clients from the service's address,
whatever its packets came in, and leaves the service's ARP to the balancer. A real kernel takes the packets; the
balancer's part is played by scapy."""
import json
import os
import shutil
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


def told(client, backend, services=SERVICES):
    """What tunnel_client.py saw, the echo servers being up."""
    for number, address in enumerate(services):
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


DECAP = "prog/xdp"


def script(backend, name, *words, check=True, before=()):
    return backend.run(*before, ROOT / "scripts" / name, *words, check=check)


def owned(backend):
    """The service addresses."""
    lines = backend.run("ip", "-o", "address", "show", "dev", "lo", "scope", "global").stdout.splitlines()
    return {line.split()[3].split("/")[0] for line in lines}


def arp(backend):
    names = [f"net.ipv4.conf.eth0.{name}" for name in ("arp_ignore", "arp_announce")]
    return [int(value) for value in backend.run("sysctl", "-n", *names).stdout.split()]


def test_dsr(place):
    client, backend = place
    script(backend, "backend-dsr", "eth0", *SERVICES)
    seen = told(client, backend)
    assert answered(seen, "dsr 4") and answered(seen, "dsr 6"), seen
    assert seen["arp for itself"] and not seen["arp for the service"], seen
    assert not any(answered(seen, name) for name in TUNNELS), seen
    script(backend, "backend-dsr", "--undo", "eth0", *SERVICES)
    assert owned(backend) == set()


def test_tunnels_taken_off_by_xdp(place):
    client, backend = place
    program = BUILD / "tests" / "apps" / "decap.bpf.o"
    words = ("--xdp", program, "eth0")
    for address in SERVICES:  # the second run adds an address
        script(backend, "backend-tunnel", *words, address)
    seen = told(client, backend)
    for name in (*TUNNELS, "dsr 4", "dsr 6"):
        assert answered(seen, name), (name, seen)
    assert not seen["arp for the service"], seen
    script(backend, "backend-tunnel", "--undo", *words, SERVICES[0])
    assert owned(backend) == {SERVICES[1]} and DECAP in backend.run("ip", "-d", "link", "show", "dev", "eth0").stdout
    script(backend, "backend-tunnel", "--undo", *words, SERVICES[1])
    assert owned(backend) == set() and DECAP not in backend.run("ip", "-d", "link", "show", "dev", "eth0").stdout


def test_undo_of_one_address_leaves_the_others(place):
    client, backend = place
    backend.run("sysctl", "-qw", "net.ipv4.conf.eth0.arp_announce=1")  # its owner's choice
    script(backend, "backend-dsr", "eth0", "192.0.2.10", "192.0.2.11")
    script(backend, "backend-dsr", "eth0", "192.0.2.12")
    script(backend, "backend-dsr", "--undo", "eth0", "192.0.2.11")
    assert owned(backend) == {"192.0.2.10", "192.0.2.12"} and arp(backend) == [1, 2]
    seen = told(client, backend, ("192.0.2.10",))
    assert answered(seen, "dsr 4") and not seen["arp for the service"], seen
    again = script(backend, "backend-dsr", "--undo", "eth0", "192.0.2.11", "192.0.2.10", "192.0.2.12")
    assert "192.0.2.11 is not on lo" in again.stderr
    assert owned(backend) == set() and arp(backend) == [0, 1]


@pytest.mark.parametrize("words", [
    "backend-dsr nosuch0 192.0.2.10", "backend-dsr eth0 192.0.2.10 192.0.2.11/24", "backend-dsr eth0 192.0.2.10 foo",
    "backend-dsr eth0 192.0.2.10 192.0.2.300", "backend-dsr eth0 192.0.2.10 2001:db8::x", "backend-tunnel gue:0 eth0 192.0.2.10",
    "backend-tunnel gue:65536 eth0 192.0.2.10", "backend-tunnel gue: eth0 192.0.2.10", "backend-tunnel ipip nosuch0 192.0.2.10",
    "backend-tunnel ipip eth0 192.0.2.10", "backend-tunnel --xdp /nonexistent eth0 192.0.2.10"])
def test_what_is_wrong_is_said_before_anything_changes(place, words):
    _, backend = place
    result = script(backend, *words.split(), check=False)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith(f"{words.split()[0]}: "), result.stderr
    assert owned(backend) == set() and arp(backend) == [0, 0]


# What `ip fou` of a kernel with that module does; everything else is the real one's.
IP_WITH_FOU = """#!/bin/sh
[ "$1" = fou ] || exec {real} "$@"
shift
ports={ports}
touch $ports
case "$1" in
    add) grep -qx "port $3 gue$5" $ports && {{ echo "RTNETLINK answers: Address already in use" >&2; exit 2; }}
         echo "port $3 gue$5" >>$ports ;;
    del) grep -vx "port $3 gue$4" $ports >$ports.new; mv $ports.new $ports ;;
    show) cat $ports ;;
esac
"""


def test_the_kernels_tunnels_come_and_go(place):
    """This kernel has none of them: interfaces with their names stand for the devices."""
    _, backend = place
    directory = backend.lab.directory
    (directory / "bin").mkdir()
    stand_in = directory / "bin" / "ip"
    stand_in.write_text(IP_WITH_FOU.format(real=shutil.which("ip"), ports=directory / "fou"))
    stand_in.chmod(0o755)
    before = ("env", f"PATH={directory / 'bin'}:{os.environ['PATH']}")
    for device in ("tunl0", "ip6tnl0"):
        backend.run("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}-peer")
    backend.run("sysctl", "-qw", "net.ipv4.conf.tunl0.rp_filter=2", "net.ipv4.conf.all.rp_filter=1")

    def up(device):
        return "UP" in backend.run("ip", "link", "show", "dev", device).stdout.split("<")[1].split(">")[0].split(",")

    def loose():
        names = [f"net.ipv4.conf.{name}.rp_filter" for name in ("tunl0", "all")]
        return backend.run("sysctl", "-n", *names).stdout.split()

    for address in SERVICES:
        result = script(backend, "backend-tunnel", "gue:6081", "eth0", address, before=before)
        assert result.stderr.splitlines() == [
            "backend-tunnel: no device sit0: nothing takes IPv6 out of IPv4 (module sit)"]
    assert (directory / "fou").read_text().split("\n")[:2] == ["port 6081 gue", "port 6081 gue-6"]
    assert owned(backend) == set(SERVICES) and up("tunl0") and up("ip6tnl0") and loose() == ["0", "0"]
    script(backend, "backend-tunnel", "--undo", "gue:6081", "eth0", SERVICES[0], before=before)
    assert up("tunl0") and loose() == ["0", "0"]
    script(backend, "backend-tunnel", "--undo", "gue:6081", "eth0", SERVICES[1], before=before)
    assert owned(backend) == set() and not up("tunl0") and not up("ip6tnl0") and loose() == ["2", "1"]
    assert (directory / "fou").read_text() == "" and arp(backend) == [0, 0]
