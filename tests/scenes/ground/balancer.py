# SPDX-License-Identifier: Apache-2.0
"""What stands between the client and the backends: weir on one of its engines, or a real nginx with the
same configuration, which is the oracle and the control experiment. A scene says start, reload, stop and
kill, and must never need to know which of them it is."""
import json
import os
import re
import signal

from . import paths
from .netns import wait_for

ENGINES = ["dpdk", "xdp"]
ALL = ["nginx", *ENGINES]


class Balancer:
    """Runs in the topology's balancer namespace; its log is one file over all restarts."""

    def __init__(self, topology, name=None):
        self.topology, self.namespace = topology, topology.balancer
        self.directory, self.name = topology.lab.directory, name or self.kind
        self.log_file = self.directory / f"{self.name}.log"
        self.pid_file = self.directory / f"{self.name}.pid"
        self.child = None

    def start(self, configuration, ready=80):
        """Runs with this text, or file, and waits until `ready` accepts a client's connection."""
        self.configuration = self.prepare(configuration)
        self.launch()
        self.wait_ready(ready)
        return self

    def launch(self):
        self.child = self.namespace.spawn(*self.command(), log=self.log_file)

    def wait_ready(self, port):
        try:
            self.topology.client.client("wait", self.topology.vip, port, "--timeout", "15")
        except RuntimeError as error:
            raise AssertionError(f"{self.kind} does not serve: {error}\n{self.log()}") from None

    def prepare(self, configuration):
        if isinstance(configuration, os.PathLike):
            return configuration
        path = self.directory / f"{self.name}.conf"
        path.write_text(configuration)
        return path

    def reload(self, configuration=None):
        """SIGHUP, after the file has been replaced."""
        if configuration is not None:
            self.prepare(configuration)
        self.send_signal(signal.SIGHUP)

    def send_signal(self, number):
        os.kill(self.child.pid, number)

    def stop(self, number=signal.SIGTERM, seconds=15):
        """The exit code of a clean end."""
        if self.child.poll() is None:
            self.send_signal(number)
        wait_for(lambda: self.child.poll() is not None, seconds, f"{self.kind} ends\n{self.log()}")
        return self.child.returncode

    def kill(self):
        """kill -9 of the control process only; what it supervises stays."""
        self.send_signal(signal.SIGKILL)
        self.child.wait()

    def running(self):
        return self.child is not None and self.child.poll() is None

    def log(self):
        return self.log_file.read_text() if self.log_file.exists() else ""

    def close(self):
        if self.running():
            self.stop()


class NginxBalancer(Balancer):
    kind = "nginx"

    def prepare(self, configuration):
        text = configuration.read_text() if isinstance(configuration, os.PathLike) else configuration
        # nginx insists on the block that the tutorial leaves out, and has no health_check of its own.
        if not re.search(r"^\s*events\b", text, re.M):
            text = "events { worker_connections 4096; }\n" + text
        return super().prepare(text)

    def command(self):
        stream = "load_module /usr/lib/nginx/modules/ngx_stream_module.so; "
        uses_stream = re.search(r"^\s*stream\b", self.configuration.read_text(), re.M)
        return ["nginx", "-p", self.directory, "-c", self.configuration, "-e", "stderr", "-g",
                f"{stream if uses_stream else ''}daemon off; worker_processes 1; "
                f"pid {self.pid_file}; error_log stderr info;"]


class WeirBalancer(Balancer):
    """With a name of its own it is an instance beside the usual one."""

    def __init__(self, topology, engine, options="", name=None):
        self.kind, self.instance = engine, name or "weir"
        self.options = f"instance {self.instance}; {options}" if name else options
        super().__init__(topology, name)

    def command(self):
        ports = " ".join(f"port {name};" for name in self.topology.ports)
        return [paths.WEIR, "-p", self.directory, "-c", self.configuration, "-e", "stderr", "-g",
                f"daemon off; pid {self.pid_file}; error_log stderr info; "
                f"dataplane {{ engine {self.kind}; {ports} {self.options} }}"]

    def weirctl(self, *arguments):
        return self.namespace.run(paths.WEIRCTL, "--instance", self.instance, *arguments, check=False)

    def show(self, what):
        """The rows of `weirctl -o json show WHAT`; none while it cannot be reached."""
        result = self.weirctl("-o", "json", "show", what)
        return json.loads(result.stdout)[what] if result.returncode == 0 else []

    def backend_state(self, backend):
        for row in self.show("backends"):
            if row["address"] == backend.address and int(row["port"]) == backend.port:
                return row["state"]
        return None

    def wait_control(self):
        wait_for(lambda: self.weirctl("show", "services").returncode == 0, 15,
                 f"weirctl reaches weir\n{self.log()}")

    def dataplane_pids(self):
        return self.namespace.pids("weir-dataplane")


def make(kind, topology, **options):
    return NginxBalancer(topology) if kind == "nginx" else WeirBalancer(topology, kind, **options)


def http_conf(servers, listen=80, extra="", ready=None):
    """An nginx.conf with one http upstream; `ready` adds a service of its own for wait_ready."""
    return "http {\n" + _services("location / { proxy_pass http://%s; " + extra + " }",
                                  servers, listen, ready) + "}\n"


def stream_conf(servers, listen=80, extra="", ready=None):
    return "stream {\n" + _services("proxy_pass %s; " + extra, servers, listen, ready) + "}\n"


def _services(body, servers, listen, ready):
    text = ""
    for name, place in (("lb", listen), ("ready", ready)):
        if place is not None:
            lines = "".join(f"        server {server};\n" for server in servers)
            text += (f"    upstream {name} {{\n{lines}    }}\n"
                     f"    server {{\n        listen {place};\n        {body % name}\n    }}\n")
    return text
