#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a TCP connection to ADDRESS:PORT, and sends an ICMP error about it to MAC, whichever host that is: what a router
does when equal-cost paths lead its packets elsewhere. With AS, the error says that the connection was to that address.
Run inside the client's network namespace.

  misdirect.py ADDRESS PORT INTERFACE MAC [AS]
"""
import socket
import sys

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.sendrecv import sendp

ROUTER = "10.0.0.254"


def main():
    address, port, interface, mac = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    service = sys.argv[5] if len(sys.argv) > 5 else address
    with socket.create_connection((address, port), timeout=5) as connection:
        own, own_port = connection.getsockname()
        undelivered = IP(src=service, dst=own, flags="DF") / TCP(sport=port, dport=own_port, flags="A")
        error = IP(src=ROUTER, dst=service) / ICMP(type=3, code=4, nexthopmtu=1300) / Raw(bytes(undelivered)[:28])
        sendp(Ether(dst=mac) / error, iface=interface, verbose=False)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        if not connection.recv(1):
            sys.exit("the connection is gone")


if __name__ == "__main__":
    main()
