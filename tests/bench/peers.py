# SPDX-License-Identifier: Apache-2.0
"""The balancers that stand beside weir in the scene of the whole box: HAProxy and nftables' DNAT, with the same
methods as the scenes' balancers (ground/balancer.py), whose nginx and weir are used as they are. They are given
servers instead of a configuration file, and must never outlive a scene."""
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scenes"))

from ground import balancer as balancers  # noqa: E402


class HaproxyBalancer(balancers.Balancer):
    kind = "haproxy"

    def command(self):
        return ["haproxy", "-db", "-f", self.configuration]

    @staticmethod
    def text(servers):
        lines = "".join(f"    server s{number} {server}\n" for number, server in enumerate(servers))
        return ("global\n    maxconn 8000\n    nbthread 1\n"
                "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n"
                f"listen lb\n    bind :80\n    balance roundrobin\n{lines}")


class NftBalancer(balancers.Balancer):
    """DNAT in turns and masquerading; the kernel has no process to start."""
    kind = "nftables"
    vip = "10.1.0.10"  # topology.two_armed

    def launch(self):
        self.namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_max=1000000")
        self.namespace.run("nft", "-f", self.configuration)

    @staticmethod
    def text(servers):
        turns = ", ".join(f"{number} : {server.replace(':', ' . ')}" for number, server in enumerate(servers))
        return ("table ip bench {\n  chain in {\n    type nat hook prerouting priority -100;\n"
                f"    ip daddr {NftBalancer.vip} tcp dport 80 dnat ip to numgen inc mod {len(servers)} map {{ {turns} }}\n"
                "  }\n  chain out {\n    type nat hook postrouting priority 100;\n    masquerade\n  }\n}\n")

    def running(self):
        return False

    def stop(self, *_):
        self.namespace.run("nft", "delete", "table", "ip", "bench")
        self.namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=0")

    def close(self):
        self.namespace.run("nft", "delete", "table", "ip", "bench", check=False)


OTHERS = {"haproxy": HaproxyBalancer, "nftables": NftBalancer}


def missing():
    """Those that cannot run here, with the reason."""
    return {kind: f"{program} is not installed"
            for kind, program in (("nginx", "nginx"), ("haproxy", "haproxy"), ("nftables", "nft"))
            if shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin") is None}


def make(kind, place):
    return OTHERS[kind](place) if kind in OTHERS else balancers.make(kind, place)


def configuration(kind, servers):
    return OTHERS[kind].text(servers) if kind in OTHERS else balancers.stream_conf(servers)
