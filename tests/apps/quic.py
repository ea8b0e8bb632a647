#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Datagrams in QUIC's shape (RFC 8999): what a balancer sees of QUIC, nothing encrypted. Each server puts its id into
the connection ids that it gives out (byte 1), and knows only the connections that began with it.

  quic.py serve ID ADDRESS PORT      started by the scenes as a backend
  quic.py move ADDRESS PORT COUNT FROM TO FIRST_PORT [FIRST_ID]
                                     COUNT connections, begun at address FROM and gone on with at TO, each from ports
                                     of its own, from FIRST_PORT on: a port that came twice would be a known flow; prints JSON

A connection that reaches another server than its own, or none, is a failure; nothing is tried twice. With FIRST_ID
the clients make their first connection id up with that server id in it.
"""
import collections
import json
import os
import socket
import struct
import sys

VERSION = 1
INITIAL, HANDSHAKE = 0xc0, 0xe0  # long headers, by type (RFC 9000 section 17.2)
SHORT = 0x40
LENGTH = 8  # of connection ids


def long_header(kind, destination, source):
    return (struct.pack("!BI", kind, VERSION) + bytes([len(destination)]) + destination + bytes([len(source)]) + source)


def ids_of(packet):
    """Destination and source of a long header."""
    end = 6 + packet[5]
    return packet[6:end], packet[end + 1:end + 1 + packet[end]]


def serve(server, address, port):
    known = set()
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, port))
    while True:
        packet, client = listener.recvfrom(2048)
        if packet[0] & 0x80:
            destination, source = ids_of(packet)
            if packet[0] & 0xf0 == INITIAL:
                destination = os.urandom(1) + bytes([server]) + os.urandom(LENGTH - 2)
                known.add(destination)
            reply = long_header(HANDSHAKE, source, destination)
        else:
            destination = packet[1:1 + LENGTH]
            reply = bytes([SHORT])
        state = "known" if destination in known else "unknown"
        listener.sendto(reply + json.dumps({"server": server, "connection": state}).encode(), client)


def client_socket(source, port, target):
    made = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(1)
    made.bind((source, port))
    made.connect(target)
    return made


def asked(connection, packet):
    """What the server says, and the whole answer."""
    connection.send(packet)
    answer = connection.recv(2048)
    return json.loads(answer[answer.rindex(b"{"):]), answer


def one(target, source, moved_to, port, first_id):
    """The server of the connection; raises when one packet does not reach it."""
    own = os.urandom(LENGTH)
    made_up = os.urandom(1) + bytes([first_id]) + os.urandom(LENGTH - 2) if first_id else os.urandom(LENGTH)
    with client_socket(source, port, target) as first, client_socket(moved_to, port + 1, target) as other:
        began, answer = asked(first, long_header(INITIAL, made_up, own) + bytes(1200))
        connection_id = ids_of(answer)[1]
        for way in (first, first, other, other):  # RFC 9000 section 9: it moves
            for packet in (bytes([SHORT]) + connection_id, long_header(HANDSHAKE, connection_id, own)):
                told, _ = asked(way, packet)
                if told != {"server": began["server"], "connection": "known"}:
                    raise ConnectionError(f"began at {began['server']}, went to {told}")
    return began["server"]


def move(target, count, source, moved_to, first_port, first_id):
    counts, failures = collections.Counter(), []
    for number in range(count):
        try:
            counts[str(one(target, source, moved_to, first_port + 2 * number, first_id))] += 1
        except (OSError, ValueError) as error:
            failures.append(f"{type(error).__name__}: {error}")
    print(json.dumps({"counts": counts, "failures": failures}))


def main():
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        address, port, count, source, moved_to, first_port, *rest = sys.argv[2:]
        move((address, int(port)), int(count), source, moved_to, int(first_port), int(rest[0]) if rest else None)


if __name__ == "__main__":
    main()
