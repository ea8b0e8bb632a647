# SPDX-License-Identifier: Apache-2.0
"""Captures of what passes an interface, for scenes that look at packets."""
from .netns import wait_for


class Tcpdump:
    """What passes a namespace's interface, into a file."""

    def __init__(self, namespace, interface, file):
        self.file = file
        self.child = namespace.spawn("tcpdump", "-i", interface, "-w", file, "-s", "0", "-n", "-B", "65536",
                                     "--immediate-mode")
        wait_for(lambda: "listening on" in self.child.log.read_text(), 10, f"tcpdump on {interface}")

    def stop(self):
        """The file, which lacks nothing."""
        self.child.terminate()
        self.child.wait()
        assert "\n0 packets dropped by kernel" in self.child.log.read_text(), self.child.log.read_text()
        return self.file
