# SPDX-License-Identifier: Apache-2.0
"""What every story expects of a client's record, said once. These only assert; they start nothing."""


def all_right(record, count=None):
    """Every request was answered, by a backend, the first time."""
    assert record["failures"] == [], record["failures"][:3]
    assert record["answered"] == record["sent"]
    if count is not None:
        assert record["sent"] == count


def even_shares(record, backends):
    """Round robin over equal weights: any two counts differ by one at most."""
    counts = [record["counts"].get(str(number), 0) for number in range(1, backends + 1)]
    assert sum(counts) == record["answered"], record["counts"]
    assert max(counts) - min(counts) <= 1, record["counts"]


def in_turn(record, backends):
    """Sequential connections over equal weights: always the next one in the order of the file."""
    order = [int(server) for server in record["order"]]
    for before, after in zip(order, order[1:]):
        assert after == before % backends + 1, order


def intact(download, mebibytes):
    assert download["error"] is None, download
    assert download["bytes"] == mebibytes << 20
    assert download["sha256"] == download["expected"]


def host_untouched(place, ports):
    """Ping, and listeners of the balancer's own host, as if no balancer ran; and the host's own
    connections outwards."""
    ping = place.client.run("ping", "-c", "5", "-i", "0.05", "-W", "1", place.vip, check=False)
    assert " 0% packet loss" in ping.stdout, ping.stdout
    for port in ports:
        assert place.client.client("banner", place.vip, port)["line"] == "SSH-2.0-scene"


def serves_well(place, count):
    """The body of the three placement stories: 10,000 requests, order, shares, both downloads."""
    many = place.client.client("get", place.url(), "-n", count, "-c", 12)
    all_right(many, count)
    even_shares(many, len(place.hosts))
    few = place.client.client("get", place.url(), "-n", 60)
    all_right(few, 60)
    in_turn(few, len(place.hosts))
    for mebibytes in (1, 100):
        intact(place.client.client("fetch", place.url(f"/blob/{mebibytes}m")), mebibytes)
