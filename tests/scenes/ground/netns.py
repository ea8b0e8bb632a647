# SPDX-License-Identifier: Apache-2.0
"""Network namespaces, the links between them and the processes in them. A Lab makes all of these with
names of its own and removes every one on close, whatever happened before; it must never touch a
namespace or end a process that it did not make.

Processes enter with nsenter, not `ip netns exec`, which would hide /sys/fs/bpf from them.
"""
import atexit
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .paths import APPS

numbers = itertools.count(1)


class Lab:
    def __init__(self):
        self.prefix = f"weir-{os.getpid()}-{next(numbers)}-"
        self.directory = Path(tempfile.mkdtemp(prefix="weir-scene-"))
        self.directory.chmod(0o755)
        self.namespaces = []
        atexit.register(self.close)
        mount_bpffs()

    def namespace(self, name):
        made = Namespace(self, name)
        self.namespaces.append(made)
        return made

    def link(self, one, one_name, other, other_name, queues=1):
        """A veth pair with so many queues in each direction. The end hosts' offloads are off, so that every frame on it is a real one; GRO is
        on, because a veth without it cannot receive what XDP sends (XDP_TX, XDP_REDIRECT)."""
        several = ["numrxqueues", str(queues), "numtxqueues", str(queues)]
        ip("link", "add", one_name, "netns", one.full, *several, "type", "veth",
           "peer", "name", other_name, "netns", other.full, *several)
        for namespace, name in ((one, one_name), (other, other_name)):
            namespace.run("ip", "link", "set", name, "up")
            # only now: a veth that gets GRO while it is down is no target of XDP_REDIRECT (seen on 6.18)
            if not namespace.is_balancer:
                namespace.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "on")

    def close(self):
        atexit.unregister(self.close)
        for namespace in self.namespaces:
            namespace.close()
        self.namespaces = []
        shutil.rmtree(self.directory, ignore_errors=True)


class Namespace:
    def __init__(self, lab, name, is_balancer=None):
        self.lab, self.name, self.full = lab, name, lab.prefix + name
        self.is_balancer = name == "balancer" if is_balancer is None else is_balancer
        self.children = []
        self.logs = itertools.count(1)
        ip("netns", "add", self.full)
        self.run("ip", "link", "set", "lo", "up")

    def enter(self, *command):
        return ["nsenter", f"--net=/run/netns/{self.full}", "--", *map(str, command)]

    def run(self, *command, check=True, timeout=60):
        result = subprocess.run(self.enter(*command), capture_output=True, text=True, timeout=timeout)
        if check and result.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, command))}: {result.stderr.strip()}")
        return result

    def spawn(self, *command, env=None, log=None):
        """A process that runs until the scene ends; its output goes to `log`."""
        log = log or self.lab.directory / f"{self.name}-{next(self.logs)}.log"
        with open(log, "ab") as output:
            child = subprocess.Popen(self.enter(*command), stdout=output, stderr=subprocess.STDOUT,
                                     stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
                                     start_new_session=True)
        child.log = Path(log)
        self.children.append(child)
        return child

    def address(self, interface, cidr):
        self.run("ip", "address", "add", cidr, "dev", interface)

    def route(self, destination, via):
        self.run("ip", "route", "add", destination, "via", via)

    def bridge(self, name):
        self.run("ip", "link", "add", name, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.run("ip", "link", "set", name, "up")

    def client(self, *arguments, timeout=120):
        """tests/apps/client.py, run here; the JSON that it prints."""
        result = self.run(sys.executable, APPS / "client.py", *arguments, timeout=timeout)
        return json.loads(result.stdout)

    def bulk(self, address, port, mebibytes, timeout=60):
        """So many MiB to a Bulk backend and back again; the JSON that tests/apps/bulk.py prints."""
        result = self.run(sys.executable, APPS / "bulk.py", "send", address, port, mebibytes, timeout=timeout)
        return json.loads(result.stdout)

    def start_client(self, *arguments):
        """A client that runs until finish(); see tests/apps/client.py."""
        child = subprocess.Popen(self.enter(sys.executable, APPS / "client.py", *arguments),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 start_new_session=True)
        self.children.append(child)
        return Client(child)

    def pids(self, command=None):
        """The processes that live in this namespace, or those of them called `command`."""
        listed = subprocess.run(["ip", "netns", "pids", self.full], capture_output=True, text=True, check=False)
        pids = [int(pid) for pid in listed.stdout.split()]
        return [pid for pid in pids if command in (None, process_name(pid))]

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and any(child.poll() is None for child in self.children):
            time.sleep(0.02)
        # What is left here is ours: nobody else knows this namespace.
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for child in self.children:
            child.wait()
        subprocess.run(["ip", "netns", "delete", self.full], capture_output=True, check=False)


class Client:
    """A running client.py; finish() ends it and returns its record."""

    def __init__(self, child):
        self.child = child

    def finish(self, timeout=60):
        if self.child.poll() is None:
            self.child.terminate()
        return self.result(timeout)

    def result(self, timeout=60):
        output, errors = self.child.communicate(timeout=timeout)
        if self.child.returncode != 0:
            raise RuntimeError(f"client: {errors.strip()}")
        return json.loads(output)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def process_name(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def mount_bpffs():
    if not os.path.ismount("/sys/fs/bpf"):
        subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)


def wait_for(condition, seconds, what):
    """The first true value of condition(); fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
