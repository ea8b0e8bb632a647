# SPDX-License-Identifier: Apache-2.0
"""A place with routers on both sides of the balancer, and a narrow link behind each: what path MTU discovery, fragments
and traceroute need. Both families. No process is started here.

  client - 10.9.0.0/24 - near = 10.8.0.0/24 = edge (.254) -+- 10.0.0.0/24: balancer .10, backends .21 .22
                                                           +- inner (.253) = 10.5.0.0/24 = last - 10.4.0.0/24: backend .23

`=` is narrow; narrow() says how narrow. The switch is wide enough for a tunnel's headers. Every backend owns the
service's address too and takes tunnels off. What it sends from that address goes straight to the edge, what it sends
from its own through the balancer: so all modes work side by side.
"""
import json
from dataclasses import dataclass, field

from . import topology
from .netns import Namespace
from .paths import BUILD

WIDE = 1600
DIRECT = "100"  # the routing table of what comes from the service's address


@dataclass
class Routed(topology.Topology):
    near: Namespace = None
    edge: Namespace = None
    inner: Namespace = None
    last: Namespace = None
    narrow_links: dict = field(default_factory=dict)

    def narrow(self, side, mtu):
        """The MTU of the narrow link toward the clients ("client") or the far backend ("backend"); the other is wide."""
        for name, ends in self.narrow_links.items():
            for namespace, interface in ends:
                namespace.run("ip", "link", "set", interface, "mtu", str(mtu if name == side else WIDE))

    def forget(self):
        """What the ends have learnt of path MTUs."""
        for namespace in (self.client, self.balancer, *self.hosts):
            namespace.run("ip", "route", "flush", "cache")
            namespace.run("ip", "-6", "route", "flush", "cache")


def path_mtu(namespace, destination, source=None):
    """What the kernel there has learnt, or None."""
    family = ["-6"] if ":" in destination else []
    shown = namespace.run("ip", "-j", *family, "route", "get", destination, *(["from", source] if source else []))
    for metric in json.loads(shown.stdout)[0].get("metrics", []):
        if "mtu" in metric:
            return metric["mtu"]
    return None


def routed():
    lab = topology.Lab()
    names = ("client", "near", "edge", "switch", "balancer", "inner", "last")
    client, near, edge, switch, balancer, inner, last = (lab.namespace(name) for name in names)
    switch.bridge("br0")
    plug = topology.plug
    lab.link(client, "eth0", near, "eth0")
    lab.link(near, "eth1", edge, "eth1")
    plug(switch, edge, "eth0", "edge", "10.0.0.254/24")
    plug(switch, balancer, "eth0", "balancer", "10.0.0.10/24")
    plug(switch, inner, "eth0", "inner", "10.0.0.253/24")
    lab.link(inner, "eth1", last, "eth1")
    place = Routed(lab, client, balancer, "10.0.0.10", ["eth0"], near=near, edge=edge, inner=inner, last=last,
                   narrow_links={"client": [(near, "eth1"), (edge, "eth1")],
                                 "backend": [(inner, "eth1"), (last, "eth1")]})
    for namespace, interface, cidr in ((client, "eth0", "10.9.0.2/24"), (near, "eth0", "10.9.0.1/24"),
                                       (near, "eth1", "10.8.0.1/24"), (edge, "eth1", "10.8.0.2/24"),
                                       (inner, "eth1", "10.5.0.1/24"), (last, "eth1", "10.5.0.2/24"),
                                       (last, "eth0", "10.4.0.1/24")):
        if (namespace, interface) == (last, "eth0"):
            far = lab.namespace("backend3")
            lab.link(last, "eth0", far, "eth0")
            far.address("eth0", "10.4.0.23/24")
        namespace.address(interface, cidr)
    for number in (1, 2):
        place.hosts.append(lab.namespace(f"backend{number}"))
        plug(switch, place.hosts[-1], "eth0", f"backend{number}", f"10.0.0.2{number}/24")
    place.hosts.append(far)
    place.addresses = ["10.0.0.21", "10.0.0.22", "10.4.0.23"]
    place.tcp_ports = [7000] * 3
    widen(place, switch)
    place.narrow(None, WIDE)
    topology.dual_stack(place, also=(near, edge, inner, last))
    topology.direct_return(place, "10.0.0.80", ("backend-tunnel", "--xdp", BUILD / "tests" / "apps" / "decap.bpf.o"),
                           "2001:db8::80")
    add_routes(place)
    return place


def widen(place, switch):
    """Room for a tunnel's headers between balancer and backends."""
    ports = [(switch, name) for name in ("edge", "balancer", "inner", "backend1", "backend2")]
    ends = [(router, "eth0") for router in (place.edge, place.balancer, place.inner, place.last)]
    for namespace, interface in ports + ends + [(host, "eth0") for host in place.hosts]:
        namespace.run("ip", "link", "set", interface, "mtu", str(WIDE))
    for namespace in (place.balancer, *place.hosts):  # or each end's first packets would find out by being lost
        namespace.run("sysctl", "-qw", "net.ipv6.conf.eth0.mtu=1500")


def add_routes(place):
    def route(namespace, network, via, *words):
        namespace.run("ip", "route", "add", network, "via", via, *words)
        prefix, _, length = network.partition("/")
        network6 = f"{topology.address6(prefix).removesuffix('::') or '::'}::/64" if length else "default"
        namespace.run("ip", "-6", "route", "add", network6, "via", topology.address6(via), *words)

    for router in (place.near, place.edge, place.inner, place.last):
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                   "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")  # many stories in a row
    route(place.client, "default", "10.9.0.1")
    route(place.near, "default", "10.8.0.2")
    route(place.edge, "10.9.0.0/24", "10.8.0.1")
    route(place.edge, "10.4.0.0/24", "10.0.0.253")
    route(place.balancer, "default", "10.0.0.254")
    route(place.balancer, "10.4.0.0/24", "10.0.0.253")
    route(place.inner, "default", "10.0.0.10")
    route(place.inner, "10.4.0.0/24", "10.5.0.2")
    route(place.last, "default", "10.5.0.1")
    for host, balancer, edge in [(host, "10.0.0.10", "10.0.0.254") for host in place.hosts[:2]] + [
            (place.hosts[2], "10.4.0.1", "10.4.0.1"), (place.inner, None, "10.0.0.254")]:
        if balancer:
            route(host, "default", balancer)
        route(host, "default", edge, "table", DIRECT)
        for family, address in (("-4", place.vip), ("-6", place.vip6)):
            host.run("ip", family, "rule", "add", "from", address, "lookup", DIRECT)
