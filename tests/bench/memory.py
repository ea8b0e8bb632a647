# SPDX-License-Identifier: Apache-2.0
"""Huge pages for a benchmark: as many as are asked for and the machine has, in a folder of their own, and given
back afterwards, whatever happens. Nothing else of the machine is changed."""
import re
import subprocess
import tempfile
from pathlib import Path

COUNT = Path("/proc/sys/vm/nr_hugepages")
LIMIT = 10 * 1024  # MiB; others may live here too
SPARED = 3 * 1024


def mebibytes(key):
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    return int(found.group(1)) // 1024 if found else 0


def affordable():
    return max(512, min(LIMIT, mebibytes("MemAvailable") - SPARED))


class HugePages:
    """`folder` is a hugetlbfs, or None where there are no huge pages to be had."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.folder = None

    def __enter__(self):
        if not COUNT.exists():
            return self
        self.before = int(COUNT.read_text())
        size = mebibytes("Hugepagesize")
        COUNT.write_text(str(self.before + self.wanted // size))
        got = (int(COUNT.read_text()) - self.before) * size
        if got <= 0:
            return self
        self.folder = Path(tempfile.mkdtemp(prefix="weir-bench-huge-"))
        # with a size, or statfs does not tell how much is left
        mount = ["mount", "-t", "hugetlbfs", "-o", f"size={got}M", "none", str(self.folder)]
        if subprocess.run(mount, check=False).returncode != 0:
            self.folder.rmdir()
            self.folder = None
        return self

    def __exit__(self, *_):
        try:
            if self.folder:
                subprocess.run(["umount", str(self.folder)], check=False)
                self.folder.rmdir()
        finally:
            if COUNT.exists():
                COUNT.write_text(str(self.before))
