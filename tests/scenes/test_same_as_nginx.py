# SPDX-License-Identifier: Apache-2.0
"""The oracle: a real nginx and weir get the same configuration and the same 1,000 connections, one after
another; the sequence of backends is identical."""
import pytest
from ground import backends, balancer

WEIGHTS = {"equal": (1, 1, 1), "5,1,2": (5, 1, 2)}
BLOCKS = {"http": balancer.http_conf, "stream": balancer.stream_conf}


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


@pytest.fixture(scope="module")
def recorded():
    """Nginx's sequences, each recorded once."""
    return {}


def conf(place, block, weights):
    servers = [f"{server.endpoint} weight={weight}" for server, weight in zip(place.servers, WEIGHTS[weights])]
    return BLOCKS[block](servers, ready=8099)


def sequence(place, lb, text):
    lb.start(text, ready=8099)
    record = place.client.client("get", place.url(), "-n", 1000)
    assert record["failures"] == [] and record["answered"] == 1000
    return record["order"]


def of_nginx(place, make_balancer, recorded, block, weights):
    if (block, weights) not in recorded:
        nginx = make_balancer("nginx", place)
        recorded[block, weights] = sequence(place, nginx, conf(place, block, weights))
        nginx.stop()
    return recorded[block, weights]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_sequence(place, make_balancer, recorded, engine, block, weights):
    oracle = of_nginx(place, make_balancer, recorded, block, weights)
    weir = make_balancer(engine, place)
    assert sequence(place, weir, conf(place, block, weights)) == oracle


@pytest.mark.parametrize("engine", ["nginx"])
def test_the_oracle_is_smooth(place, make_balancer, recorded, engine):
    """The control: nginx's own order for 5, 1, 2 is the one its algorithm gives by hand."""
    order = of_nginx(place, make_balancer, recorded, "stream", "5,1,2")
    assert order[:8] == ["1", "3", "1", "1", "2", "1", "3", "1"]
    assert order == order[:8] * 125
