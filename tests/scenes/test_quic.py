# SPDX-License-Identifier: Apache-2.0
"""quic_cid: a connection whose client goes on from another address and port stays with its server, because the server
has its number in the connection id. Without it, the client's move ends the connection."""
import itertools
import json
import sys

import pytest
from ground import backends, balancer
from ground.netns import wait_for
from ground.paths import APPS

PORT = 4433
CONNECTIONS = 30


class Quic(backends.Backend):
    """tests/apps/quic.py; its server id is its number."""

    protocol = "udp"

    def command(self):
        return self.namespace.spawn(sys.executable, APPS / "quic.py", "serve", self.id, self.address, self.port)


@pytest.fixture(scope="module")
def place(one_armed_dual):
    place = one_armed_dual
    place.client.address("eth0", "10.0.0.3/24")
    place.client.run("ip", "address", "add", "2001:db8::3/64", "dev", "eth0", "nodad")
    place.servers = backends.start_all(place.backends(Quic, PORT))
    place.servers6 = backends.start_all([place.backend6(Quic, number, PORT) for number in (1, 2, 3)])
    place.web = backends.start_all([place.backend(backends.Nginx, 1)])
    return place


def conf(place):
    def upstream(name, servers):
        lines = " ".join(f"server {server.endpoint} server_id={server.id};" for server in servers)
        return f"    upstream {name} {{ {lines} }}\n"

    return ("stream {\n" + upstream("quic", place.servers) + upstream("quic6", place.servers6) + f"""
    server {{ listen {PORT} udp; proxy_pass quic; quic_cid offset=1 length=1; }}
    server {{ listen {PORT + 1} udp; proxy_pass quic; }}
    server {{ listen [::]:{PORT} udp; proxy_pass quic6; quic_cid; }}
    server {{ listen 80; proxy_pass {place.web[0].endpoint}; }}
}}
""")


first_ports = itertools.count(20_000, 2 * CONNECTIONS)


def move(place, address, port, first_id=None):
    source, moved_to = ("2001:db8::2", "2001:db8::3") if ":" in address else ("10.0.0.2", "10.0.0.3")
    shown = place.client.run(sys.executable, APPS / "quic.py", "move", address, port, CONNECTIONS, source, moved_to,
                             next(first_ports), *([first_id] if first_id else []))
    return json.loads(shown.stdout)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_a_connection_survives_its_clients_move(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place))
    wait_for(lambda: {row["state"] for row in weir.show("backends")} == {"up"}, 5, "neighbour discovery")
    for address in (place.vip, place.vip6):
        record = move(place, address, PORT)
        assert record["failures"] == [], record["failures"][:3]
        assert record["counts"] == {"1": 10, "2": 10, "3": 10}, "new connections go round"
    record = move(place, place.vip, PORT, first_id=2)
    assert record == {"failures": [], "counts": {"1": 10, "2": 10, "3": 10}}, "an id that a client makes up is not believed"
    record = move(place, place.vip, PORT + 1)
    assert len(record["failures"]) > CONNECTIONS / 3, "without quic_cid they do not survive it"
    assert all("'connection': 'unknown'" in failure for failure in record["failures"]), record["failures"][:3]
