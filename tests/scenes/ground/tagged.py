# SPDX-License-Identifier: Apache-2.0
"""A balancer on a stick: one wire with two VLANs, the clients' (tag 10) and the backends' (tags 100 and 20). The wire
carries tagged frames; the kernels at its far ends do not see the tags, because tests/apps/vlan.bpf.c takes them off
and puts them on. It also makes the balancer's VLAN interfaces, for this must work on kernels that have none.

  client 10.1.0.2 - eth0.10 balancer eth0.20 - 10.2.0.21 .22 .23 backends      all on one bridge
"""
import json

from . import topology
from .paths import BUILD

PROGRAM = BUILD / "tests" / "apps" / "vlan.bpf.o"
VLANS = {10: ("10", "10.1.0.10/24"), 20: ("100_20", "10.2.0.10/24")}  # the program's section, the balancer's address
WIDE = 1600  # the wire; two tags are eight bytes


def tagged():
    lab = topology.Lab()
    switch, client, balancer = (lab.namespace(name) for name in ("switch", "client", "balancer"))
    switch.bridge("br0")
    plug(switch, client, "client", "10.1.0.2/24", VLANS[10][0])
    lab.link(switch, "balancer", balancer, "eth0")
    switch.run("ip", "link", "set", "balancer", "master", "br0", "mtu", str(WIDE))
    balancer.run("ip", "link", "set", "eth0", "mtu", str(WIDE))
    balancer.run("ethtool", "-K", "eth0", "rxvlan", "off")
    in_the_frame(switch, "balancer")
    index, mac = (json.loads(balancer.run("ip", "-j", "link", "show", "eth0").stdout)[0][key]
                  for key in ("ifindex", "address"))
    assert index == 2, "vlan.bpf.c has it by this index"
    attach(balancer, "eth0", "ingress", "device_in")
    for number, (section, address) in VLANS.items():
        device = f"eth0.{number}"
        balancer.run("ip", "link", "add", device, "index", str(1000 + number), "address", mac, "type", "veth",
                     "peer", "name", f"peer{number}")
        balancer.run("ip", "link", "set", f"peer{number}", "up")
        balancer.run("ip", "link", "set", device, "up")
        balancer.address(device, address)
        attach(balancer, device, "egress", f"device_out_{section}")
    place = topology.Topology(lab, client, balancer, "10.1.0.10",
                              ["eth0", "eth0.10 vlan=10 parent=eth0", "eth0.20 vlan=100.20 parent=eth0"])
    for number in (1, 2, 3):
        host = lab.namespace(f"backend{number}")
        plug(switch, host, f"backend{number}", f"10.2.0.2{number}/24", VLANS[20][0])
        place.hosts.append(host)
        place.addresses.append(f"10.2.0.2{number}")
        place.tcp_ports.append(8080)
    return topology.dual_stack(place)


def plug(switch, host, port, cidr, section):
    """A host on the wire, which sees its VLAN only."""
    topology.plug(switch, host, "eth0", port, cidr)
    switch.run("ip", "link", "set", port, "mtu", str(WIDE))
    host.run("ip", "link", "set", "eth0", "mtu", str(WIDE))
    host.run("ip", "route", "replace", cidr.rsplit(".", 1)[0] + ".0/24", "dev", "eth0", "mtu", "1500")
    host.run("sysctl", "-qw", "net.ipv6.conf.eth0.mtu=1500")
    in_the_frame(host, "eth0")
    attach(host, "eth0", "ingress", "far_in")
    attach(host, "eth0", "egress", f"far_out_{section}")


def in_the_frame(namespace, interface):
    """A veth would hand tags over beside the frame, where XDP cannot see them."""
    namespace.run("ethtool", "-K", interface, "txvlan", "off", "tx-vlan-stag-hw-insert", "off")


def attach(namespace, interface, direction, section):
    namespace.run("tc", "qdisc", "replace", "dev", interface, "clsact")
    namespace.run("tc", "filter", "add", "dev", interface, direction, "bpf", "direct-action", "object-file", PROGRAM,
                  "section", section)
