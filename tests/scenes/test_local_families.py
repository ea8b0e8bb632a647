# SPDX-License-Identifier: Apache-2.0
"""Backends on the balancer's own addresses, reached over the host link: IPv6 ones, and IPv4 ones by IPv6
clients."""
import pytest
from ground import backends, balancer, expect


@pytest.fixture(scope="module")
def place(local_dual):
    local_dual.apps = backends.start_all(
        [local_dual.backend6(backends.Express, number) for number in (1, 2, 3)])
    return local_dual


@pytest.mark.parametrize("engine", balancer.ALL)
@pytest.mark.parametrize("four", [False, True], ids=["to6", "to4"])
def test_local(place, make_balancer, engine, four):
    """node listens on :: and so takes IPv4 as well."""
    servers = [f"172.17.0.1:{app.port}" if four else app.endpoint for app in place.apps]
    text = balancer.stream_conf(servers).replace("listen 80;", "listen 80; listen [::]:80;")
    make_balancer(engine, place).start(text)
    for address in (place.vip6, place.vip):
        record = place.client.client("get", place.url(address=address), "-n", 300, "-c", 4)
        expect.all_right(record, 300)
        expect.even_shares(record, 3)
        expect.intact(place.client.client("fetch", place.url("/blob/1m", address=address)), 1)
