#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bulk over TCP, both ways on each connection: takes what the client sends, says who took it and its sha256, and
sends as many bytes back. Started by the scenes as a backend: bulk.py serve ID PORT [PORT...], in both families; the
client is bulk.py send ADDRESS PORT MEBIBYTES, which prints a JSON object. A connection that stalls is never mended:
the record says how far it came.

  client: length, 8 bytes | bytes        server: one line of JSON | bytes
"""
import hashlib
import json
import selectors
import socket
import struct
import sys
import threading
import time

CHUNK = 1 << 16
PATTERN = hashlib.shake_128(b"weir bulk").digest(CHUNK)
TIMEOUT = 10  # seconds without a byte


def send(connection, length):
    for at in range(0, length, CHUNK):
        connection.sendall(PATTERN[:min(CHUNK, length - at)])


def receive(stream, length, got):
    """got[0] counts along, so that whoever catches an exception knows how far it came."""
    digest = hashlib.sha256()
    while got[0] < length:
        chunk = stream.read1(min(CHUNK, length - got[0]))
        if not chunk:
            raise ConnectionError("closed early")
        digest.update(chunk)
        got[0] += len(chunk)
    return digest.hexdigest()


def answer(connection, server):
    connection.settimeout(TIMEOUT)
    try:
        with connection, connection.makefile("rb") as stream:
            length = struct.unpack("!Q", stream.read(8))[0]
            digest = receive(stream, length, [0])
            connection.sendall(json.dumps({"server": server, "sha256": digest}).encode() + b"\n")
            send(connection, length)
    except (OSError, struct.error):
        pass  # the client's record has it


def serve(server, ports):
    selector = selectors.DefaultSelector()
    for port in ports:
        listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            connection, _ = key.fileobj.accept()
            threading.Thread(target=answer, args=(connection, server), daemon=True).start()


def expected(length):
    digest = hashlib.sha256()
    for at in range(0, length, CHUNK):
        digest.update(PATTERN[:min(CHUNK, length - at)])
    return digest.hexdigest()


def ask(address, port, length):
    result = {"error": None, "server": None, "sent_right": False, "received_right": False}
    began, got = time.time(), [0]
    try:
        with socket.create_connection((address, port), TIMEOUT) as connection, connection.makefile("rb") as stream:
            connection.sendall(struct.pack("!Q", length))
            send(connection, length)
            told = json.loads(stream.readline())
            result |= {"server": told["server"], "sent_right": told["sha256"] == expected(length),
                       "sent_seconds": round(time.time() - began, 3)}
            result["received_right"] = receive(stream, length, got) == expected(length)
    except (OSError, ValueError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    return result | {"received": got[0], "seconds": round(time.time() - began, 3)}


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3:])
    else:
        print(json.dumps(ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) << 20)))


if __name__ == "__main__":
    main()
