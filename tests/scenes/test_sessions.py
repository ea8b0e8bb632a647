# SPDX-License-Identifier: Apache-2.0
"""What configuration promises of sessions: those of a dead backend end or move at once; a SYN's MSS is lowered; the
source is the address that proxy_bind names. And probes over IPv6."""
import time

import pytest
from ground import backends, balancer, expect
from ground.capture import Tcpdump
from ground.netns import wait_for
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.utils import rdpcap

ECHO = 5300
DETECTED = 3.5  # seconds: an interval, the probe's timeout, and this machine's scheduling
SOURCE = {4: "10.0.0.11", 6: "2001:db8::11"}


@pytest.fixture(scope="module")
def place(one_armed_dual):
    place = one_armed_dual
    place.balancer.address("eth0", f"{SOURCE[4]}/32")
    place.balancer.run("ip", "address", "add", f"{SOURCE[6]}/128", "dev", "eth0", "nodad", "preferred_lft", "0")
    place.servers = backends.start_all(place.backends(backends.Nginx))
    place.echoes = backends.start_all(place.backends(backends.UdpEcho, ECHO))
    return place


def conf(place):
    check = "health_check interval=500ms port=8080; health_check_timeout 1s;"
    four = "".join(f"server {address}:8080; " for address in place.addresses)
    six = "".join(f"server [{address}]:8080; " for address in place.addresses6)
    echo = "".join(f"server {address}:{ECHO}; " for address in place.addresses)
    return f"""stream {{
    upstream four {{ {four} }}
    upstream kept {{ {four} }}
    upstream six {{ {six} }}
    upstream echo {{ {echo} }}
    server {{ listen 80; proxy_pass four; {check} proxy_session_drop on; }}
    server {{ listen 81; proxy_pass kept; {check} }}
    server {{ listen [::]:80; proxy_pass six; {check} proxy_session_drop on; }}
    server {{ listen {ECHO} udp; proxy_pass echo; {check} }}
    server {{ listen 82; listen [::]:82; proxy_pass {place.addresses[0]}:8080; mss_clamp 1000; }}
    server {{ listen 83; proxy_pass {place.addresses[0]}:8080; proxy_bind {SOURCE[4]}; }}
    server {{ listen [::]:83; proxy_pass [{place.addresses6[0]}]:8080; proxy_bind {SOURCE[6]}; }}
}}
"""


class Dead:
    """A backend's host that answers nothing more, not even with a reset, but ARP and neighbour discovery."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.host.run("nft", "add table inet dead { chain in { type filter hook input priority 0; policy drop; "
                             "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; } ; }")

    def __exit__(self, *_):
        self.host.run("nft", "delete table inet dead")


def states(weir):
    return {(row["address"], row["port"]): row["state"] for row in weir.show("backends") if row["upstream"] != "-"}


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_a_dead_backend(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place))
    # A connection that rests, one to each backend, until after the death; where it is kept it must wait for its backend.
    pause = str(DETECTED + 1)
    dropped = [place.client.start_client("hold", place.url(), "--pause", pause) for _ in range(3)]
    kept = [place.client.start_client("hold", place.url(port=81), "--pause", pause, "--timeout", "1") for _ in range(3)]
    sessions = [place.client.start_client("session", place.vip, ECHO, "--timeout", "0.2") for _ in range(3)]
    time.sleep(0.5)
    with Dead(place.hosts[1]):
        killed = time.time()
        dead = {(place.addresses[1], 8080), (place.addresses6[1], 8080), (place.addresses[1], ECHO)}
        wait_for(lambda: {key for key, state in states(weir).items() if state == "unhealthy"} == dead, DETECTED,
                 f"probes of both families see it: {states(weir)}")
        seen = time.time()
        for address in (place.vip, place.vip6):
            record = place.client.client("get", place.url(address=address), "-n", 20)
            expect.all_right(record, 20)
            assert set(record["counts"]) == {"1", "3"}, record["counts"]
        time.sleep(max(0.0, killed + DETECTED + 1.7 - time.time()))  # the pause, and the second's timeout
        records = [session.finish() for session in sessions]
        ended = [connection.finish() for connection in dropped]
        waited = [connection.finish() for connection in kept]
    wait_for(lambda: set(states(weir).values()) == {"up"}, DETECTED, f"they come back: {states(weir)}")

    reset = [failure for record in ended for failure in record["failures"]]
    assert len(reset) == 1, ended
    assert "ConnectionResetError" in reset[0]["why"] and reset[0]["ended"] - reset[0]["at"] < 0.5, reset
    stuck = [failure for record in waited for failure in record["failures"]]
    assert len(stuck) == 1 and "TimeoutError" in stuck[0]["why"], waited

    moved = [record for record in records if "2" in record["counts"]]
    assert len(moved) == 1, [record["counts"] for record in records]
    order = moved[0]["order"]
    assert len(set(order)) == 2 and order == sorted(order, key=lambda server: server != "2"), "it moves once"
    assert all(killed - 0.3 < failure["at"] < seen for failure in moved[0]["failures"]), (seen, moved[0]["failures"][-3:])
    for record in records:
        assert record in moved or record["failures"] == [], record["failures"][:3]


def syns(file):
    """The MSS of each SYN and SYN-ACK in a capture, by family and whether it acknowledges."""
    found = {}
    for packet in rdpcap(str(file)):
        if TCP in packet and packet[TCP].flags & 0x02:
            family = 4 if IP in packet else 6
            assert family == 4 or IPv6 in packet
            found[family, bool(packet[TCP].flags & 0x10)] = dict(packet[TCP].options)["MSS"]
    return found


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_mss_and_source(place, make_balancer, engine):
    make_balancer(engine, place).start(conf(place))
    backend = Tcpdump(place.hosts[0], "eth0", place.lab.directory / f"{engine}-backend.pcap")
    client = Tcpdump(place.client, "eth0", place.lab.directory / f"{engine}-client.pcap")
    for address in (place.vip, place.vip6):
        expect.all_right(place.client.client("get", place.url(port=82, address=address), "-n", 5), 5)
    # what the backend and the clients are told, whatever the other end had said (1460, and 1440 over IPv6)
    assert syns(backend.stop())[4, False] == 1000
    told = syns(client.stop())
    assert (told[4, False], told[6, False]) == (1460, 1440), told
    assert (told[4, True], told[6, True]) == (1000, 1000), told
    for address, source in ((place.vip, SOURCE[4]), (place.vip6, SOURCE[6])):
        assert place.client.run("curl", "-s", place.url("/client", port=83, address=address)).stdout == source
