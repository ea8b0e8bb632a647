# SPDX-License-Identifier: Apache-2.0
"""Ports whose packets the kernel merges before weir sees them (GRO with AF_PACKET, on by default on real NICs): weir
turns merging off while it runs, and on again when it ends, also after a crash in between."""
import dataclasses
import json
from pathlib import Path

import pytest
from ground import balancer
from ground.netns import wait_for

CONF = "stream { server { listen 10.1.0.10:80; proxy_pass 10.2.0.21:5201; } }"


@pytest.fixture
def place(two_armed):
    two_armed.hosts[0].spawn("iperf3", "--server")
    for port in ("eth0", "eth1"):
        two_armed.balancer.run("ethtool", "-K", port, "gro", "on")
    yield two_armed
    for port in ("eth0", "eth1"):
        two_armed.balancer.run("ethtool", "-K", port, "gro", "off")


def merges(place):
    return {port: "generic-receive-offload: on" in place.balancer.run("ethtool", "-k", port).stdout
            for port in ("eth0", "eth1")}


def transfers(place):
    for direction in ([], ["--reverse"]):
        shown = place.client.run("iperf3", "--client", "10.1.0.10", "--port", "80", "--time", "1", "--json", *direction,
                                 check=False)
        result = json.loads(shown.stdout)
        assert "error" not in result and result["end"]["sum_received"]["bytes"] > 10 << 20, (direction, result["end"])


def test_copied_ports_do_not_merge(place, make_balancer):
    copied = dataclasses.replace(place, ports=[f"{name} driver=af_packet" for name in place.ports])
    weir = make_balancer("dpdk", copied).start(CONF)
    assert merges(place) == {"eth0": False, "eth1": False}
    transfers(place)
    assert "truncated" not in {row["reason"] for row in weir.show("stats")}

    weir.kill()
    weir.launch()
    weir.wait_control()
    assert weir.stop() == 0
    assert merges(place) == {"eth0": True, "eth1": True}
    assert not Path("/run/weir/weir.merging").exists()


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_others_are_left_alone(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(CONF)
    assert merges(place) == {"eth0": True, "eth1": True}
    transfers(place)
    assert weir.stop() == 0
    wait_for(lambda: merges(place) == {"eth0": True, "eth1": True}, 5, "as before")
