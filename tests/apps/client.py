#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client of the scenes: a new TCP connection for every request, and a record of each answer.

Run inside a client's network namespace; prints one JSON object. It must never retry a request:
what a user would see as an error is reported as one. Subcommands:
  get URL -n N -c CONCURRENCY   N requests; ids in order (exact with -c 1), counts, failures
  load URL -c CONCURRENCY       requests until SIGTERM, then the same record
  hold URL                      one connection, a request every 20 ms (or --pause) until SIGTERM
  fetch URL [--seconds S]       one download, slowed down to take S seconds; sha256 compared
  udp ADDRESS PORT -n N         N datagrams, each from a new socket
  session ADDRESS PORT          one socket, a datagram every 20 ms (or --pause) until SIGTERM
  banner ADDRESS PORT           connect and read one line
  wait ADDRESS PORT             until a connection is accepted
"""
import argparse
import collections
import hashlib
import json
import signal
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

FIRST_SOURCE_PORT = 20000  # below the kernel's own choices; UDP only

HOPELESS = 20  # failures after which a counted run ends early, so that a broken build fails fast

stopping = threading.Event()


class BadAnswer(Exception):
    """The connection worked, but what came back is not a right answer."""


def split_url(url):
    parts = urlsplit(url)
    return (parts.hostname, parts.port or 80), parts.path or "/"


def request_bytes(host, path, keep):
    connection = "keep-alive" if keep else "close"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n".encode()


def read_head(stream):
    """Status and headers from a buffered socket file."""
    line = stream.readline()
    if not line:
        raise BadAnswer("closed before an answer")
    status = int(line.split()[1])
    headers = {}
    while (line := stream.readline().strip()):
        name, _, value = line.partition(b":")
        headers[name.strip().lower().decode()] = value.strip().decode()
    return status, headers


def read_body(stream, headers):
    if "content-length" in headers:
        length = int(headers["content-length"])
        body = stream.read(length)
        if len(body) != length:
            raise BadAnswer(f"{len(body)} of {length} bytes")
        return body
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while (size := int(stream.readline(), 16)):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return body
    return stream.read()


def identity(status, body):
    """The backend's id; anything but a 200 with an id in it is a bad answer."""
    if status != 200:
        raise BadAnswer(f"status {status}")
    try:
        return str(json.loads(body)["SERVER_ID"])
    except (ValueError, KeyError) as error:
        raise BadAnswer(f"not an answer of a backend: {body[:80]!r}") from error


def one_request(target, wire, timeout):
    with socket.create_connection(target, timeout) as connection:
        connection.sendall(wire)
        with connection.makefile("rb") as stream:
            status, headers = read_head(stream)
            return identity(status, read_body(stream, headers))


class Record:
    """What happened, in the order in which requests were started."""

    def __init__(self):
        self.lock = threading.Lock()
        self.started = 0
        self.answers = {}
        self.failures = []
        self.slowest = 0.0

    def next(self, limit):
        with self.lock:
            if limit is not None and (self.started >= limit or len(self.failures) >= HOPELESS):
                return None
            self.started += 1
            return self.started - 1

    def answered(self, index, server, seconds):
        with self.lock:
            self.answers[index] = server
            self.slowest = max(self.slowest, seconds)

    def failed(self, index, at, why):
        with self.lock:
            self.failures.append({"index": index, "at": at, "ended": time.time(), "why": why})

    def show(self):
        order = [self.answers[i] for i in sorted(self.answers)]
        print(json.dumps({
            "sent": self.started, "answered": len(order), "order": order,
            "counts": dict(collections.Counter(order)), "failures": self.failures,
            "slowest_ms": round(self.slowest * 1000, 1)}))


def requests(url, limit, concurrency, timeout, pause):
    target, path = split_url(url)
    wire = request_bytes(target[0], path, keep=False)
    record = Record()

    def work():
        while not stopping.is_set():
            index = record.next(limit)
            if index is None:
                return
            at = time.time()
            try:
                record.answered(index, one_request(target, wire, timeout), time.time() - at)
            except (OSError, BadAnswer, ValueError, IndexError) as error:
                record.failed(index, at, f"{type(error).__name__}: {error}")
            if pause:
                stopping.wait(pause)

    threads = [threading.Thread(target=work) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.show()


def hold(url, timeout, pause):
    """One connection kept for the whole time; a flow that moves or breaks is a failure."""
    target, path = split_url(url)
    wire = request_bytes(target[0], path, keep=True)
    record = Record()
    with socket.create_connection(target, timeout) as connection:
        with connection.makefile("rb") as stream:
            while not stopping.is_set():
                index, at = record.next(None), time.time()
                try:
                    connection.sendall(wire)
                    status, headers = read_head(stream)
                    server = identity(status, read_body(stream, headers))
                    record.answered(index, server, time.time() - at)
                except (OSError, BadAnswer, ValueError, IndexError) as error:
                    record.failed(index, at, f"{type(error).__name__}: {error}")
                    break
                stopping.wait(pause)
    record.show()


def fetch(url, timeout, seconds):
    target, path = split_url(url)
    digest, received = hashlib.sha256(), 0
    began = time.time()
    result = {"error": None, "server": None}
    try:
        with socket.create_connection(target, timeout) as connection:
            connection.sendall(request_bytes(target[0], path, keep=False))
            with connection.makefile("rb", 1 << 18) as stream:
                status, headers = read_head(stream)
                if status != 200:
                    raise BadAnswer(f"status {status}")
                length = int(headers["content-length"])
                result |= {"expected": headers["x-sha256"], "server": headers.get("x-server-id")}
                while received < length:
                    chunk = stream.read(min(1 << 18, length - received))
                    if not chunk:
                        raise BadAnswer(f"{received} of {length} bytes")
                    digest.update(chunk)
                    received += len(chunk)
                    early = seconds * received / length - (time.time() - began)
                    if early > 0:
                        time.sleep(early)
    except (OSError, BadAnswer, ValueError, KeyError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    result |= {"bytes": received, "sha256": digest.hexdigest(),
               "seconds": round(time.time() - began, 3)}
    print(json.dumps(result))


def udp(address, port, count, size, per_socket, timeout):
    record = Record()
    for _ in range(count):
        if len(record.failures) >= HOPELESS:
            break
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            # A port that came twice would be the same session, not a new one.
            client.bind(("", FIRST_SOURCE_PORT + record.started))
            client.connect((address, port))
            servers = set()
            index, at = record.next(None), time.time()
            try:
                for part in range(per_socket):
                    payload = f"{index}.{part}.".encode().ljust(size, b"x")[:max(size, 0)]
                    client.send(payload)
                    server, colon, echoed = client.recv(65535).partition(b":")
                    if not colon or echoed != payload:
                        raise BadAnswer("the echo is not what was sent")
                    servers.add(server.decode())
                if len(servers) != 1:
                    raise BadAnswer(f"one session, several backends: {sorted(servers)}")
                record.answered(index, servers.pop(), time.time() - at)
            except (OSError, BadAnswer) as error:
                record.failed(index, at, f"{type(error).__name__}: {error}")
    record.show()


def session(address, port, timeout, pause):
    """Unanswered datagrams are failures, and it goes on; the record's `order` says who answered."""
    record = Record()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        while not stopping.is_set():
            index, at = record.next(None), time.time()
            payload = f"{index}.".encode()
            try:
                client.send(payload)
                while True:
                    server, _, echoed = client.recv(65535).partition(b":")
                    if echoed == payload:  # else it is late
                        break
                record.answered(index, server.decode(), time.time() - at)
            except OSError as error:
                record.failed(index, at, f"{type(error).__name__}: {error}")
            stopping.wait(pause)
    record.show()


def banner(address, port, timeout):
    with socket.create_connection((address, port), timeout) as connection:
        with connection.makefile("rb") as stream:
            print(json.dumps({"line": stream.readline().decode().strip()}))


def wait(address, port, timeout):
    began = time.time()
    while time.time() - began < timeout:
        try:
            with socket.create_connection((address, port), 1):
                print(json.dumps({"seconds": round(time.time() - began, 3)}))
                return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{address}:{port} accepted no connection in {timeout} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("get", "load", "hold", "fetch"):
        command = commands.add_parser(name)
        command.add_argument("url")
        command.add_argument("-n", type=int, default=1)
        command.add_argument("-c", type=int, default=1)
        command.add_argument("--timeout", type=float, default=10)
        command.add_argument("--pause", type=float, default=0)
        command.add_argument("--seconds", type=float, default=0)
    for name in ("udp", "session", "banner", "wait"):
        command = commands.add_parser(name)
        command.add_argument("address")
        command.add_argument("port", type=int)
        command.add_argument("-n", type=int, default=1)
        command.add_argument("--size", type=int, default=32)
        command.add_argument("--per-socket", type=int, default=1)
        command.add_argument("--timeout", type=float, default=3 if name == "udp" else 10)
        command.add_argument("--pause", type=float, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())

    if args.command == "get":
        requests(args.url, args.n, args.c, args.timeout, args.pause)
    elif args.command == "load":
        requests(args.url, None, args.c, args.timeout, args.pause)
    elif args.command == "hold":
        hold(args.url, args.timeout, args.pause or 0.02)
    elif args.command == "fetch":
        fetch(args.url, args.timeout, args.seconds)
    elif args.command == "udp":
        udp(args.address, args.port, args.n, args.size, args.per_socket, args.timeout)
    elif args.command == "session":
        session(args.address, args.port, args.timeout, args.pause or 0.02)
    elif args.command == "banner":
        banner(args.address, args.port, args.timeout)
    else:
        wait(args.address, args.port, args.timeout)


if __name__ == "__main__":
    main()
