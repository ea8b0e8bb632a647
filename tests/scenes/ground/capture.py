# SPDX-License-Identifier: Apache-2.0
"""Captures of an interface, by tcpdump, and what must hold of every one: its checksums, judged by scapy. It only
listens; the end hosts' offloads are off (netns.py), so what it sees is what was on the cable."""
import sys
from pathlib import Path

from scapy.utils import RawPcapReader

from .netns import wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "wire"))

from checksums import Reassembly, check_frame  # noqa: E402

LONGEST = 1514  # what is longer was joined by the receiver (GRO), which leaves no checksum to judge


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


def rightly_summed(file):
    """How many checksums of each kind the capture has, all of them right."""
    seen, datagrams, wrong = {}, Reassembly(), []
    for number, (frame, _) in enumerate(RawPcapReader(str(file)), 1):
        if len(frame) > LONGEST:
            continue
        checked = check_frame(frame)
        datagrams.add(frame, checked)
        wrong += [f"packet {number}, {checked.wrong}: {frame.hex()}"] if checked.wrong else []
        for name in checked.right:
            seen[name] = seen.get(name, 0) + 1
    assert not wrong, f"{len(wrong)} packets of {file}: {wrong[:3]}"
    return seen
