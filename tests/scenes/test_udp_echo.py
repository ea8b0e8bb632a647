# SPDX-License-Identifier: Apache-2.0
"""UDP both ways: every datagram is answered once, by the backend of its session, unchanged."""
import pytest
from ground import backends, balancer, expect

PORT = 5300


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.UdpEcho, PORT))
    # wait_ready needs a TCP service beside the one that is tested.
    one_armed.web = backends.start_all([one_armed.backend(backends.Nginx, 1)])
    return one_armed


def conf(place):
    udp = [server.endpoint for server in place.servers]
    tcp = [server.endpoint for server in place.web]
    text = balancer.stream_conf(udp, listen=f"{PORT} udp")
    web = balancer.stream_conf(tcp, listen=80).replace("lb", "web")
    return text.rstrip()[:-1] + web.replace("stream {\n", "")


@pytest.mark.parametrize("engine", balancer.ALL)
def test_echo(place, make_balancer, engine):
    make_balancer(engine, place).start(conf(place))
    sessions = place.client.client("udp", place.vip, PORT, "-n", 300)
    expect.all_right(sessions, 300)
    expect.even_shares(sessions, 3)
    expect.in_turn(sessions, 3)


@pytest.mark.parametrize("engine", balancer.ALL)
@pytest.mark.parametrize("size", [1, 1400])
def test_a_session_stays_with_its_backend(place, make_balancer, engine, size):
    make_balancer(engine, place).start(conf(place))
    sessions = place.client.client("udp", place.vip, PORT, "-n", 30, "--per-socket", 20, "--size", size)
    expect.all_right(sessions, 30)
