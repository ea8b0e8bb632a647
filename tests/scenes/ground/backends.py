# SPDX-License-Identifier: Apache-2.0
"""The servers behind the balancer: the tutorial's Express app, an nginx that answers the same way (for
bulk), and a UDP echo. A scene starts, kills and restarts them; they must never know the balancer."""
import hashlib
import os
import signal
import sys

from .netns import wait_for
from .paths import APPS


class Backend:
    """One server process; the subclass says how it is started."""

    protocol = "tcp"

    def __init__(self, namespace, server_id, address, port):
        self.namespace, self.id, self.address, self.port = namespace, str(server_id), address, port
        self.child = None

    @property
    def endpoint(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def start(self):
        """Starts it; ready() says when it listens, so that several can start at once."""
        self.child = self.command()
        return self

    def ready(self):
        wait_for(self.listening, 20, f"{self.endpoint} listens; its log is {self.log()}")
        return self

    def listening(self):
        flag = "-lnu" if self.protocol == "udp" else "-lnt"
        shown = self.namespace.run("ss", flag, "-H", f"sport = :{self.port}").stdout
        return shown.strip() != ""

    def kill(self):
        """As a crash ends it: SIGKILL, connections reset by the kernel."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def log(self):
        return self.child.log.read_text()[-500:]


class Express(Backend):
    def command(self):
        if not (APPS / "node_modules" / "express").is_dir():
            raise RuntimeError("express is not installed in tests/apps; run scripts/setup")
        return self.namespace.spawn("node", APPS / "server.js",
                                    env={"SERVER_ID": self.id, "PORT": str(self.port),
                                         "HOST": "::" if ":" in self.address else "0.0.0.0"})


class UdpEcho(Backend):
    """tests/apps/udp_echo.py; `also` are more addresses and ports that it answers at."""

    protocol = "udp"
    also = ()

    def command(self):
        return self.namespace.spawn(sys.executable, APPS / "udp_echo.py", self.id, self.address, self.port, *self.also)


class Bulk(Backend):
    """tests/apps/bulk.py, in both families; it listens on `also` as well."""

    also = ()

    def command(self):
        return self.namespace.spawn(sys.executable, APPS / "bulk.py", "serve", self.id, self.port, *self.also)


class Iperf3(Backend):
    """One iperf3, which serves one test at a time."""

    def command(self):
        return self.namespace.spawn("iperf3", "--server", "--port", self.port)


class Nginx(Backend):
    """Answers like the Express app, in both families, serves /blob/1m and /blob/100m from files, and says
    at /client who asks."""

    def command(self):
        lab = self.namespace.lab
        home = lab.directory / f"nginx-{self.id}-{self.port}"
        home.mkdir(exist_ok=True)
        blobs = lab.directory / "blobs"
        digests = {size: blob(blobs, size) for size in (1, 100)}
        locations = "".join(
            f"location = /blob/{size}m {{ alias {blobs}/{size}m; add_header X-Sha256 {digest};"
            f" add_header X-Server-Id {self.id}; }}\n"
            for size, digest in digests.items())
        conf = home / "nginx.conf"
        conf.write_text(f"""
daemon off; master_process off; pid {home}/pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000; default_type application/octet-stream;
    server {{
        listen {self.port} backlog=4096;
        listen [::]:{self.port} backlog=4096;
        location = /client {{ return 200 $remote_addr; }}
        location = / {{ return 200 '{{"SERVER_ID":"{self.id}","PORT":"{self.port}"}}'; }}
        {locations}
    }}
}}
""")
        return self.namespace.spawn("nginx", "-p", home, "-c", conf, "-e", "stderr")


def blob(directory, mebibytes):
    """A file of that many MiB of bytes without a pattern; returns its sha256."""
    directory.mkdir(exist_ok=True)
    path, digest_path = directory / f"{mebibytes}m", directory / f"{mebibytes}m.sha256"
    if not digest_path.exists():
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for number in range(mebibytes):
                chunk = hashlib.shake_128(f"weir {number}".encode()).digest(1 << 20)
                digest.update(chunk)
                file.write(chunk)
        digest_path.write_text(digest.hexdigest())
    return digest_path.read_text()


def start_all(backends):
    for backend in backends:
        backend.start()
    for backend in backends:
        backend.ready()
    return backends
