#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A UDP server that answers each datagram with its own id, a colon and the payload.

Started by the scenes as a backend: udp_echo.py ID ADDRESS PORT. It must never answer a datagram
twice or from another address than the one it was sent to.
"""
import socket
import sys


def main():
    server_id, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    echo = socket.socket(family, socket.SOCK_DGRAM)
    echo.bind((address, port))
    print(f"udp echo {server_id} on {address}:{port}", flush=True)
    while True:
        payload, client = echo.recvfrom(65535)
        echo.sendto(server_id.encode() + b":" + payload, client)


if __name__ == "__main__":
    main()
