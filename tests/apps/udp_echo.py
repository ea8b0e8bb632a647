#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A UDP server that answers each datagram with its own id, a colon and the payload.

Started by the scenes as a backend: udp_echo.py ID ADDRESS PORT [ADDRESS PORT...]. It must never answer a datagram
twice or from another address than the one it was sent to.
"""
import selectors
import socket
import sys


def main():
    server_id, places = sys.argv[1], sys.argv[2:]
    selector = selectors.DefaultSelector()
    for address, port in zip(places[::2], places[1::2]):
        echo = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind((address, int(port)))
        selector.register(echo, selectors.EVENT_READ)
        print(f"udp echo {server_id} on {address}:{port}", flush=True)
    while True:
        for key, _ in selector.select():
            payload, client = key.fileobj.recvfrom(65535)
            key.fileobj.sendto(server_id.encode() + b":" + payload, client)


if __name__ == "__main__":
    main()
