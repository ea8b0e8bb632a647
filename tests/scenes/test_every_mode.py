# SPDX-License-Identifier: Apache-2.0
"""What a real network sends, through every mode at once: datagrams of 60 kB in fragments, iperf3 in both directions,
traceroute and ping. Real kernels at both ends, routers between."""
import itertools
import json
import os

import pytest
from ground import backends, balancer, modes
from ground.modes import DIRECT, FAR, MODES, NEAR, ONE
from ground.routed import WIDE

FAMILIES = [4, 6]
SECONDS = float(os.environ.get("WEIR_IPERF_SECONDS", "1"))


@pytest.fixture(scope="module")
def place(routed):
    vips = (routed.vip, routed.vip6)
    echoes = routed.backends(backends.UdpEcho)
    for echo, six in zip(echoes, routed.addresses6):
        groups = (FAR,) if echo is echoes[2] else (NEAR, ONE)
        echo.port = modes.PORT + groups[0]
        echo.also = [six, echo.port] + [
            word for group in groups for mode in modes.modes(group) if mode in DIRECT for vip in vips
            for word in (vip, modes.port(mode, group))]
    iperfs = [routed.backend(backends.Iperf3, 1, port) for port in modes.backend_ports(ONE)]
    bulks = routed.backends(backends.Bulk)
    for bulk in bulks:
        bulk.also = [port for group in (NEAR, FAR) for port in modes.backend_ports(group) if port != bulk.port]
    backends.start_all([*echoes, *iperfs, *bulks])
    return routed


@pytest.fixture(params=FAMILIES, ids=lambda family: f"ipv{family}")
def vip(place, request):
    return place.vip if request.param == 4 else place.vip6


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_large_datagrams(place, make_balancer, engine, vip):
    """40 fragments each way, and a session stays with its backend."""
    weir = modes.start(make_balancer(engine, place), place)
    for mode, port in MODES.items():
        record = place.client.client("udp", vip, port, "-n", 4, "--per-socket", 5, "--size", 60_000)
        assert record["failures"] == [], (mode, record["failures"], weir.weirctl("show", "stats").stdout)
        assert record["counts"] == {"1": 2, "2": 2}, (mode, record["counts"])


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_large_datagrams_without_room_for_headers(place, make_balancer, engine, vip):
    """Fragments that are too long for weir's own link once they are in a tunnel: the client is told, DF or not."""
    place.balancer.run("ip", "link", "set", "eth0", "mtu", "1500")
    try:
        weir = modes.start(make_balancer(engine, place), place)
        for mode in ("ipip", "gue"):
            place.forget()
            told = place.client.client("udp", vip, MODES[mode], "-n", 1, "--size", 60_000)
            assert "Message too long" in told["failures"][0]["why"], told
            record = place.client.client("udp", vip, MODES[mode], "-n", 4, "--per-socket", 5, "--size", 60_000)
            assert record["failures"] == [], (mode, record["failures"])
        assert {row["reason"] for row in weir.show("stats")} >= {"too_big_sent", "frag_needed"}
    finally:
        place.balancer.run("ip", "link", "set", "eth0", "mtu", str(WIDE))
        place.balancer.run("sysctl", "-qw", "net.ipv6.conf.eth0.mtu=1500")  # it has followed (routed.py)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_iperf3(place, make_balancer, engine, vip):
    """Retransmissions stay the exception, also on a machine whose two cores are everybody's; no second without data.
    WEIR_IPERF_SECONDS: for how long each of the ten is to run."""
    modes.start(make_balancer(engine, place), place)
    for (mode, direction) in itertools.product(MODES, ("up", "down")):
        shown = place.client.run("iperf3", "--client", vip, "--port", modes.port(mode, ONE), "--time", SECONDS, "--json",
                                 *(["--reverse"] if direction == "down" else []), check=False)
        result = json.loads(shown.stdout)
        assert "error" not in result, (mode, direction, result["error"])
        sent, received = result["end"]["sum_sent"], result["end"]["sum_received"]
        segments = sent["bytes"] / 1448
        print(f"iperf3 {engine} {mode} {direction}: {received['bits_per_second'] / 1e6:.0f} Mbit/s, "
              f"{sent['retransmits']} of {segments:.0f} segments again")
        slowest = min(interval["sum"]["bits_per_second"] for interval in result["intervals"])
        assert slowest > 1e6, (mode, direction, slowest)
        assert sent["retransmits"] < 0.1 * segments, (mode, direction, sent)


def hops(place, *arguments):
    """The address or `*` of each line of traceroute, from the first one asked for on."""
    shown = place.client.run("traceroute", "-n", "-q", "1", "-w", "1", "-m", "8", *arguments)
    return [line.split()[1] for line in shown.stdout.splitlines()[1:]]


def ping(place, address, size):
    return place.client.run("ping", "-c", "3", "-i", "0.05", "-W", "1", "-s", str(size), address, check=False).stdout


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_traceroute_and_ping(place, make_balancer, engine, vip):
    """The routers before weir, weir itself where it is one, those behind it, the backend. What is told from behind weir
    comes from the service."""
    weir = modes.start(make_balancer(engine, place), place)
    before = ["2001:db8:9::1", "2001:db8:8::2"] if ":" in vip else ["10.9.0.1", "10.8.0.2"]
    own = "2001:db8::10" if ":" in vip else "10.0.0.10"
    for method in ("-T", "-U"):
        for mode, port in MODES.items():
            found = hops(place, method, "-p", port, vip)
            assert found[:2] == before and found[-1] == vip, (method, mode, found)
            # where weir is no router the TTL stays, and the backend comes next
            assert found[2:-1] == ([] if mode in DIRECT else [own]), (method, mode, found)
        assert hops(place, method, "-f", "4", "-p", modes.port("nat", FAR), vip) == [vip] * 3, method
    assert hops(place, "-I", vip) == [*before, vip]
    counted = {row["reason"]: row["packets"] for row in weir.show("stats")}
    assert counted["time_exceeded_sent"] >= 4 and counted["icmp_error"] >= 4 and "ttl" not in counted, counted
    for size in (56, 8000):
        shown = ping(place, vip, size)
        assert " 0% packet loss" in shown, shown
