# SPDX-License-Identifier: Apache-2.0
"""Two workers: on a port with one queue, where one of them gets its packets over the ring, on a port with
two, and on a veth whose two queues net_af_xdp cannot have. Nothing is lost, both carry flows, and both sleep when nothing comes."""
import os
import signal
import sys
import time

import pytest
from ground import backends, balancer, expect
from ground.netns import wait_for

TWO = "workers 2;"
SETTINGS = ["auto", "off", "on"]


@pytest.fixture(scope="module")
def one_queue(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


@pytest.fixture(scope="module")
def queues(two_queue):
    two_queue.servers = backends.start_all(two_queue.backends(backends.Nginx))
    return two_queue


def start(make_balancer, place, options):
    conf = balancer.http_conf([server.endpoint for server in place.servers])
    return make_balancer("dpdk", place, options=options).start(conf)


def port(weir, name):
    return next(row for row in weir.show("ports") if row["name"] == name)


def both_have_worked(weir):
    rows = weir.show("workers")
    assert [row["worker"] for row in rows] == [0, 1]
    assert all(row["state"] == "running" for row in rows), rows
    # 10,000 requests of about ten packets: a fair share of either is far more than this
    assert all(row["tx_packets"] > 10_000 for row in rows), rows
    # The other worker shares its CPU with clients and servers here; a full ring is counted, and rare.
    assert all(row["ring_drops"] < 0.01 * row["tx_packets"] for row in rows), rows
    counted = sum(row["packets"] for row in weir.show("stats") if row["reason"] == "handoff_full")
    assert counted == sum(row["ring_drops"] for row in weir.show("workers"))


def test_one_queue_is_spread_over_the_ring(one_queue, make_balancer):
    weir = start(make_balancer, one_queue, TWO)
    expect.serves_well(one_queue, 10_000)
    both_have_worked(weir)
    assert port(weir, "eth0")["rx_queues"] == 1
    assert weir.show("workers")[1]["rx_packets"] == 0, "the other worker polls no queue"


def has_two_queues(weir):
    """The kernel fills the queues of an AF_PACKET port by its own hash."""
    eth0 = wait_for(lambda: port(weir, "eth0")["rx_packets"] > 20_000 and port(weir, "eth0"), 5,
                    "the port's counters are read once a second")
    assert (eth0["driver"], eth0["mode"], eth0["rx_queues"]) == ("net_af_packet", "copied", 2)
    assert all(queue["rx_packets"] > 1000 for queue in eth0["queues"]), eth0["queues"]
    assert sum(queue["rx_packets"] for queue in eth0["queues"]) == eth0["rx_packets"]
    assert eth0["tx_dropped"] == 0, eth0


def test_two_queues_have_a_worker_each(one_queue, make_balancer):
    one_queue.ports = ["eth0 driver=af_packet"]
    try:
        weir = start(make_balancer, one_queue, TWO)
    finally:
        one_queue.ports = ["eth0"]
    expect.serves_well(one_queue, 10_000)
    both_have_worked(weir)
    has_two_queues(weir)
    assert all(row["rx_packets"] > 1000 for row in weir.show("workers")), "each polls its own queue"


def test_a_veth_with_two_queues_is_served_all_the_same(queues, make_balancer):
    """net_af_xdp takes combined queues only: the port is copied instead, and the log says why."""
    weir = start(make_balancer, queues, TWO)
    expect.serves_well(queues, 10_000)
    both_have_worked(weir)
    has_two_queues(weir)
    assert "port eth0 is copied, because creating net_af_xdp" in weir.log()


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_ports_are_counted(one_queue, make_balancer, engine):
    weir = make_balancer(engine, one_queue).start(
        balancer.http_conf([server.endpoint for server in one_queue.servers]))
    expect.all_right(one_queue.client.client("get", one_queue.url(), "-n", 500), 500)
    eth0 = wait_for(lambda: port(weir, "eth0")["rx_packets"] > 500 * 8 and port(weir, "eth0"), 5,
                    "the port has counted")
    assert eth0["rx_bytes"] > 60 * eth0["rx_packets"] * 0.8
    assert engine == "xdp" or eth0["tx_dropped"] == 0  # the kernel's has what the host sent too early
    assert eth0["mode"] == ("native" if engine == "xdp" else "selected")
    assert any(value > 0 for value in eth0["xdp"].values()), eth0["xdp"]
    table = weir.weirctl("show", "ports").stdout
    for word in ("MISSED", "TX-DROPPED", "eth0", "XDP-COUNTER"):
        assert word in table, table


SEND = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])):
    sender.sendto(b"more than it takes", (sys.argv[1], 9))
"""


@pytest.mark.parametrize("driver", ["af_xdp", "af_packet"])
def test_what_a_full_receive_ring_loses_is_missed(one_queue, make_balancer, driver):
    """The dataplane stands still while more comes than the ring of its socket holds."""
    servers = [server.endpoint for server in one_queue.servers]
    one_queue.ports = [f"eth0 driver={driver}"]
    try:
        weir = make_balancer("dpdk", one_queue).start(
            balancer.http_conf(servers) + f"stream {{ upstream nobody {{ server {servers[0]} down; }}\n"
            "server { listen 9 udp; proxy_pass nobody; } }\n")
    finally:
        one_queue.ports = ["eth0"]
    (pid,) = weir.dataplane_pids()
    time.sleep(1.5)  # the port's counters are read once a second
    before = port(weir, "eth0")
    assert before["driver"] == f"net_{driver}" and before["rx_missed"] == 0
    os.kill(pid, signal.SIGSTOP)
    try:
        one_queue.client.run(sys.executable, "-c", SEND, one_queue.vip, 5000)
    finally:
        os.kill(pid, signal.SIGCONT)

    def came():
        after = port(weir, "eth0")
        taken, missed = (after[key] - before[key] for key in ("rx_packets", "rx_missed"))
        return taken + missed >= 5000 and (taken, missed)

    taken, missed = wait_for(came, 5, "each packet has been taken or missed")
    print(f"{taken} packets taken, {missed} missed")
    others = taken + missed - 5000  # of what the host gets, AF_PACKET has a copy
    assert missed > 2000 and others <= (0 if driver == "af_xdp" else 50), (taken, missed)
    expect.all_right(one_queue.client.client("get", one_queue.url(), "-n", 50), 50)


def cpu_seconds(pid):
    """utime and stime of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("setting", SETTINGS)
def test_idle_workers(one_queue, make_balancer, setting):
    """`on` burns its CPU; `auto` and `off` do not, serve as well, and say that they sleep."""
    weir = start(make_balancer, one_queue, f"busy_poll {setting}; workers 2;")
    expect.all_right(one_queue.client.client("get", one_queue.url(), "-n", 200, "-c", 4), 200)
    time.sleep(7)  # the busy ratio is of the last five seconds
    (pid,) = weir.dataplane_pids()
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(3)
    share = (cpu_seconds(pid) - before) / (time.monotonic() - began)
    workers = weir.show("workers")
    print(f"busy_poll {setting}: {share:.1%} of a CPU, idle, two workers")
    if setting == "on":
        assert share > 0.25, share  # two workers; the machine may have other things to do
        assert {row["rest"] for row in workers} == {"polls"}, workers
    else:
        assert share < 0.25, share
        # The first has the port; the second only a ring, and is woken for what comes over it.
        assert [row["rest"] for row in workers] == ["sleeps", "waits"], workers
        assert all(row["busy_percent"] < 5 for row in workers), workers
    expect.all_right(one_queue.client.client("get", one_queue.url(), "-n", 50), 50)
