# SPDX-License-Identifier: Apache-2.0
"""The three places where a balancer stands, each in namespaces of its own:

  one-armed   client, balancer and backends on one switch, 10.0.0.0/24; a far client behind a router
  two-armed   client - 10.1.0.0/24 - eth0 balancer eth1 - 10.2.0.0/24 - backends
  two-queue   two-armed, and the cable to the client has two queues at each end
  local       client - 10.0.0.0/24 - balancer, whose own docker0 (172.17.0.1) has the backends

dual_stack() gives one of them IPv6 beside it; direct_return() is what dsr and the tunnels need. A topology has no process in it; the scene starts those.
"""
import ipaddress
import json
from dataclasses import dataclass, field

from .netns import Lab, Namespace
from .paths import ROOT


@dataclass
class Topology:
    lab: Lab
    client: Namespace
    balancer: Namespace
    vip: str                       # the address that clients use: one of the balancer's own
    ports: list                    # the balancer's interfaces, for dataplane { port ...; }
    hosts: list = field(default_factory=list)      # the backends' namespaces ...
    addresses: list = field(default_factory=list)  # ... and their addresses
    tcp_ports: list = field(default_factory=list)  # the port of each backend
    far_client: Namespace = None
    vip6: str = None               # after dual_stack()
    addresses6: list = field(default_factory=list)

    def backend(self, kind, number, port=None):
        """The number-th backend (from 1), not yet started."""
        place = number - 1
        return kind(self.hosts[place], number, self.addresses[place], port or self.tcp_ports[place])

    def backends(self, kind, port=None):
        return [self.backend(kind, number, port) for number in range(1, len(self.hosts) + 1)]

    def backend6(self, kind, number, port=None):
        place = number - 1
        return kind(self.hosts[place], number, self.addresses6[place], port or self.tcp_ports[place])

    def url(self, path="/", port=80, address=None):
        address = address or self.vip
        return f"http://{f'[{address}]' if ':' in address else address}:{port}{path}"

    def close(self):
        self.lab.close()


def plug(switch, host, host_interface, switch_interface, cidr):
    """A host on the switch, with an address."""
    switch.lab.link(host, host_interface, switch, switch_interface)
    switch.run("ip", "link", "set", switch_interface, "master", "br0")
    host.address(host_interface, cidr)


def one_armed():
    lab = Lab()
    switch, client, balancer = (lab.namespace(name) for name in ("switch", "client", "balancer"))
    router, far = lab.namespace("router"), lab.namespace("far")
    switch.bridge("br0")
    plug(switch, client, "eth0", "client", "10.0.0.2/24")
    plug(switch, balancer, "eth0", "balancer", "10.0.0.10/24")
    plug(switch, router, "eth0", "router", "10.0.0.254/24")
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    lab.link(router, "eth1", far, "eth0")
    router.address("eth1", "10.9.0.1/24")
    far.address("eth0", "10.9.0.2/24")
    far.route("default", "10.9.0.1")
    balancer.route("default", "10.0.0.254")
    topology = Topology(lab, client, balancer, "10.0.0.10", ["eth0"], far_client=far)
    add_hosts(topology, switch, "10.0.0")
    return topology


def two_armed(queues=1):
    lab = Lab()
    switch, client, balancer = (lab.namespace(name) for name in ("switch", "client", "balancer"))
    lab.link(client, "eth0", balancer, "eth0", queues)
    client.address("eth0", "10.1.0.2/24")
    balancer.address("eth0", "10.1.0.10/24")
    switch.bridge("br0")
    plug(switch, balancer, "eth1", "balancer", "10.2.0.10/24")
    topology = Topology(lab, client, balancer, "10.1.0.10", ["eth0", "eth1"])
    add_hosts(topology, switch, "10.2.0")
    return topology


def two_queue():
    return two_armed(queues=2)


def local():
    lab = Lab()
    client, balancer = lab.namespace("client"), lab.namespace("balancer")
    lab.link(client, "eth0", balancer, "eth0")
    client.address("eth0", "10.0.0.2/24")
    balancer.address("eth0", "10.0.0.10/24")
    balancer.bridge("docker0")
    balancer.address("docker0", "172.17.0.1/16")
    return Topology(lab, client, balancer, "10.0.0.10", ["eth0"], hosts=[balancer] * 3,
                    addresses=["172.17.0.1"] * 3, tcp_ports=[1000, 2000, 3000])


def add_hosts(topology, switch, network):
    for number in (1, 2, 3):
        host = topology.lab.namespace(f"backend{number}")
        address = f"{network}.{20 + number}"
        plug(switch, host, "eth0", f"backend{number}", f"{address}/24")
        topology.hosts.append(host)
        topology.addresses.append(address)
        topology.tcp_ports.append(8080)


def dual_stack(topology, also=()):
    """2001:db8:N::HOST beside each 10.N.0.HOST and 172.17.0.HOST, without duplicate address detection."""
    hosts = [topology.client, topology.balancer, *topology.hosts, *also]
    for namespace in dict.fromkeys(hosts):
        for link in json.loads(namespace.run("ip", "-j", "-4", "address", "show").stdout):
            for address in link.get("addr_info", []):
                if address["local"].startswith("127."):
                    continue
                six = address6(address["local"])
                namespace.run("ip", "address", "add", f"{six}/64", "dev", link["ifname"], "nodad")
    topology.vip6 = address6(topology.vip)
    topology.addresses6 = [address6(address) for address in topology.addresses]
    return topology


def address6(address):
    first, second, _, last = address.split(".")
    return str(ipaddress.ip_address(f"2001:db8:{second if first == '10' else first}::{last}"))


def direct_return(topology, vip, words=("backend-dsr",), vip6=None):
    """The service's addresses become these, and the backends own them as well. They are not the ones that the balancer
    asks for neighbours with: nobody answers a question from himself."""
    topology.vip, topology.vip6 = vip, vip6
    topology.balancer.address("eth0", f"{vip}/32")
    if vip6:  # deprecated, or RFC 6724 would take it as the source of the balancer's own: it has the longest prefix
        topology.balancer.run("ip", "address", "add", f"{vip6}/128", "dev", "eth0", "nodad", "preferred_lft", "0")
    script, *words = words
    for host in topology.hosts:
        host.run(ROOT / "scripts" / script, *words, "eth0", vip, *([vip6] if vip6 else []))
