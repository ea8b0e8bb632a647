# SPDX-License-Identifier: Apache-2.0
"""The first start on a fresh machine: no folder for the log is there, and none has to be made. With -e the log is
elsewhere from the beginning."""
import pytest
from ground import backends, balancer, paths
from ground.netns import wait_for

FRESH = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /var/log && exec "$@"', "sh")


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


class Plain(balancer.WeirBalancer):
    """With no word about a log but those given."""
    words = ()

    def command(self):
        return [*FRESH, paths.WEIR, "-c", self.configuration, *self.words, "-g",
                f"daemon off; pid {self.pid_file}; dataplane {{ engine xdp; port eth0; }}"]

    def log(self):
        log = self.directory / "elsewhere.log" if self.words else self.root() / "var/log/weir/error.log"
        return log.read_text() if log.exists() else ""

    def root(self):
        return self.directory.__class__(f"/proc/{self.child.pid}/root")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_log_is_where_it_should_be(place, elsewhere):
    weir = Plain(place, "xdp")
    if elsewhere:
        weir.words = ("-e", weir.directory / "elsewhere.log")
    try:
        weir.start(balancer.http_conf([server.endpoint for server in place.servers]))
        weir.reload("stream {\n")
        wait_for(lambda: "the configuration was not changed" in weir.log(), 5, "the log has a line")
        assert (weir.root() / "var/log/weir").exists() != elsewhere
    finally:
        weir.stop()
