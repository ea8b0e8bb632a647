#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP server that sends one line and closes: what an sshd shows before any key is exchanged.

Started by the scenes as a listener of the balancer's own host: banner.py TEXT PORT [PORT...].
It must never be one of the balanced ports.
"""
import selectors
import socket
import sys


def main():
    text = sys.argv[1].encode() + b"\r\n"
    selector = selectors.DefaultSelector()
    for port in sys.argv[2:]:
        listener = socket.create_server(("0.0.0.0", int(port)), backlog=128)
        selector.register(listener, selectors.EVENT_READ)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            connection, _ = key.fileobj.accept()
            with connection:
                connection.sendall(text)


if __name__ == "__main__":
    main()
