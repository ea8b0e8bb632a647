#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends a backend what a balancer would, in each mode that the backend answers by itself, and prints as JSON what
came back to the client's own address: tunnel_client.py DEVICE BACKEND_MAC. Started by test_backend_scripts.py in the
namespace that has the client's addresses."""
import json
import socket
import sys

from scapy.arch import get_if_hwaddr
from scapy.config import conf
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.sendrecv import sendp, srp1

CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
SERVICE = {4: "192.0.2.10", 6: "2001:db8:5::10"}
BALANCER = {4: "10.0.0.1", 6: "2001:db8:b::1"}
BACKEND = {4: "10.0.0.10", 6: "2001:db8:b::10"}
PORT, GUE_PORT = 53, 6080
HEAD = {4: IP, 6: IPv6}
PROTOCOL = {4: 4, 6: 41}


def outer(kind, inner, family):
    if kind == "dsr":
        return b""
    source = {"src": BALANCER[family], "dst": BACKEND[family]}
    if kind == "ipip":
        field = {"proto": PROTOCOL[inner]} if family == 4 else {"nh": PROTOCOL[inner]}
        return HEAD[family](**source, **field)
    return HEAD[family](**source) / UDP(sport=50000, dport=GUE_PORT)


def ask(device, mac, kind, inner, family):
    """The backend's answer to one datagram, or None."""
    with socket.socket(socket.AF_INET if inner == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.bind((CLIENT[inner], 0))
        client.settimeout(2)
        port = client.getsockname()[1]
        packet = HEAD[inner](src=CLIENT[inner], dst=SERVICE[inner]) / UDP(sport=port, dport=PORT) / f"{kind}".encode()
        whole = Ether(src=get_if_hwaddr(device), dst=mac) / (outer(kind, inner, family) / packet if kind != "dsr" else packet)
        sendp(whole, iface=device, verbose=False)
        try:
            payload, peer = client.recvfrom(2048)
        except TimeoutError:
            return None
        return f"{payload.decode()} from {peer[0]}"


def answers_arp(device, address):
    question = Ether(src=get_if_hwaddr(device), dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=BALANCER[4], pdst=address)
    return srp1(question, iface=device, timeout=1, verbose=False) is not None


def main():
    device, mac = sys.argv[1], sys.argv[2]
    conf.verb = 0
    told = {"arp for itself": answers_arp(device, BACKEND[4]), "arp for the service": answers_arp(device, SERVICE[4])}
    for inner in (4, 6):
        told[f"dsr {inner}"] = ask(device, mac, "dsr", inner, inner)
        for kind in ("ipip", "gue"):
            for family in (4, 6):
                told[f"{kind} {inner}in{family}"] = ask(device, mac, kind, inner, family)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
