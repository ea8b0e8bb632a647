# SPDX-License-Identifier: Apache-2.0
"""A configuration far beyond the usual: 1,000 upstreams of five servers each. It starts and forwards; a reload from a
small one to it is refused with what is missing, and changes nothing; a restart then has room, and the next control
process takes the tables over with their flows, though by the file it has it would have made smaller ones."""
import pytest
from ground import backends, balancer, expect
from ground.netns import wait_for

UPSTREAMS = 1000


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


def conf(place, upstreams, first_port=10000):
    """The first is real. The others' servers are 127.0.0.1, whose way is known without a question."""
    servers = " ".join(f"server {server.endpoint};" for server in place.servers)
    text = f"upstream real {{ {servers} }}\nserver {{ listen 80; proxy_pass real; }}\n"
    for number in range(upstreams):
        servers = " ".join(f"server 127.0.0.1:{first_port + 5 * number + i};" for i in range(5))
        text += f"upstream u{number} {{ {servers} }}\nserver {{ listen {1000 + number}; proxy_pass u{number}; }}\n"
    return f"stream {{\n{text}}}\n"


def serves(place):
    expect.all_right(place.client.client("get", place.url(), "-n", 30), 30)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_five_thousand_backends(place, make_balancer, engine):
    weir = make_balancer(engine, place).start(conf(place, 10))
    weir.reload(conf(place, UPSTREAMS))
    refusal = "the configuration needs 5003 backends, the tables of this run hold 2048; restart weir to make room"
    wait_for(lambda: refusal in weir.log(), 20, "the reload is refused")
    serves(place)
    assert len(weir.show("services")) == 11

    weir.stop()
    weir.start(weir.configuration.read_text())
    serves(place)
    assert len(weir.show("services")) == UPSTREAMS + 1
    assert len(weir.show("backends")) == 5 * UPSTREAMS + 3
    held = place.client.start_client("hold", place.url())
    wait_for(lambda: any(row["state"] == "established" for row in weir.show("flows")), 10, "a connection is open")

    weir.kill()
    weir.prepare(conf(place, 10))
    weir.launch()
    weir.wait_control()
    assert "too small" not in weir.log() and "empty tables" not in weir.log(), weir.log()
    serves(place)
    expect.all_right(held.finish())
    weir.reload(conf(place, UPSTREAMS))
    wait_for(lambda: len(weir.show("services")) == UPSTREAMS + 1, 20, "the tables have room")


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_tables_full_of_what_is_configured_no_more(place, make_balancer, engine):
    """The crashed weir's backends have their numbers until its workers have seen the new ones, and both do not fit."""
    weir = make_balancer(engine, place).start(conf(place, 250))
    weir.kill()
    weir.prepare(conf(place, 400, first_port=20000))
    weir.launch()
    weir.wait_control()
    wait_for(lambda: "starting with empty tables, the flows of the earlier run are lost: flows use backends" in weir.log(),
             10, f"the log says so\n{weir.log()}")
    serves(place)
    assert len(weir.show("backends")) == 2003
    assert weir.stop() == 0


def test_a_reload_without_room_for_its_slots_changes_nothing(place, make_balancer):
    weir = make_balancer("xdp", place).start(conf(place, 1))
    weir.reload(conf(place, 20).replace("{ server 127", "{ maglev; server 127"))
    refusal = "the configuration needs 1311392 slots, the tables of this run hold 1048576; restart weir to make room"
    wait_for(lambda: refusal in weir.log(), 10, "the reload is refused")
    serves(place)
    assert {row["upstream"] for row in weir.show("services")} == {"real", "u0"}
    weir.reload(conf(place, 2))
    wait_for(lambda: len(weir.show("services")) == 3, 10, "what fits is taken")
