# SPDX-License-Identifier: Apache-2.0
"""dsr: the backends own the service's address and answer the client themselves; weir sees one direction
only. With and without flows, and as far as a client behind a router."""
import time

import pytest
from ground import backends, balancer, expect, topology
from ground.netns import wait_for


@pytest.fixture(scope="module")
def place(one_armed_dual):
    one_armed = one_armed_dual
    topology.direct_return(one_armed, "10.0.0.80", vip6="2001:db8::80")
    for host in one_armed.hosts:
        host.route("default", "10.0.0.254")
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx, 80))
    return one_armed


def conf(place, words=""):
    servers = [server.endpoint for server in place.servers]
    return balancer.stream_conf(servers).replace("upstream lb {", f"upstream lb {{ forward dsr; {words}")


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_dsr(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place))
    many = place.client.client("get", place.url(), "-n", 900, "-c", 8)
    expect.all_right(many, 900)
    expect.even_shares(many, 3)
    expect.in_turn(place.client.client("get", place.url(), "-n", 30), 3)
    expect.intact(place.client.client("fetch", place.url("/blob/100m")), 100)
    expect.all_right(place.far_client.client("get", place.url(), "-n", 90, "-c", 4), 90)
    seen = place.client.run("curl", "-s", place.url("/client")).stdout
    assert seen == "10.0.0.2", "the backend sees the client's own address"
    rows = weir.show("backends")
    assert {row["mode"] for row in rows} == {"dsr"}
    assert all(row["packets_in"] > 0 and row["packets_out"] == 0 for row in rows), rows


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_dsr_ipv6(place, make_balancer, engine):
    text = conf(place).rstrip()[:-1] + "".join((
        "    upstream six { forward dsr; ", *(f"server [{address}]:80; " for address in place.addresses6), "}\n",
        f"    server {{ listen [{place.vip6}]:80; proxy_pass six; }}\n}}\n"))
    make_balancer(engine, place).start(text.replace("listen 80;", f"listen {place.vip}:80;"))
    many = place.client.client("get", place.url(address=place.vip6), "-n", 600, "-c", 8)
    expect.all_right(many, 600)
    expect.even_shares(many, 3)
    expect.intact(place.client.client("fetch", place.url("/blob/100m", address=place.vip6)), 100)
    assert place.client.run("curl", "-s", place.url("/client", address=place.vip6)).stdout == "2001:db8::2"


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_stateless(place, make_balancer, engine):
    """Every packet follows the hash: no flow is kept, not even over a reload."""
    weir = make_balancer(engine, place).start(conf(place, "maglev; stateless on;"))
    many = place.client.client("get", place.url(), "-n", 900, "-c", 8)
    expect.all_right(many, 900)
    assert len(many["counts"]) == 3, many["counts"]
    assert weir.show("flows") == []
    before = sum(row["packets_in"] for row in weir.show("backends"))
    held = place.client.start_client("hold", place.url())
    wait_for(lambda: sum(row["packets_in"] for row in weir.show("backends")) > before + 20, 5,
             "the connection is in use")
    weir.reload(conf(place, "maglev; stateless on; zone z 64k;"))
    wait_for(lambda: "reconfigured" in weir.log(), 5, "the reload")
    time.sleep(0.5)
    expect.all_right(held.finish())
