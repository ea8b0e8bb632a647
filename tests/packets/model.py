# SPDX-License-Identifier: Apache-2.0
"""Hashes and source ports, computed from their definitions alone: an oracle that shares no code with bpf/shared/.

The rows use it to say which port a flow leaves by and which slot a hash selects. It must never read the C sources.
"""

import ipaddress

M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MAGLEV_SEED = int.from_bytes(b"maglev", "big")
PROTOCOL = {"tcp": 6, "udp": 17}


def raw32(address):
    """The address as a little-endian machine reads it from the wire."""
    return int.from_bytes(ipaddress.IPv4Address(address).packed, "little")


def words(address):
    """An address as four such words; IPv4 as ::ffff:a.b.c.d."""
    address = ipaddress.ip_address(address)
    packed = address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
    return [int.from_bytes(packed[i : i + 4], "little") for i in range(0, 16, 4)]


def is_v4(address):
    return ipaddress.ip_address(address).version == 4


def raw16(port):
    return int.from_bytes(port.to_bytes(2, "big"), "little")


def mix(state, word):
    state = ((state ^ word) * GOLDEN) & M64
    return state ^ (state >> 29)


def finish(state):
    state = mix(state, state >> 32)
    return state ^ (state >> 32)


def mix_address(state, address):
    a, b, c, d = words(address)
    if is_v4(address):
        return mix(state, d)
    return mix(mix(state, b << 32 | a), d << 32 | c)


def tuple_hash(seed, src, sport, dst, dport, protocol):
    if is_v4(src) and is_v4(dst):
        state = mix(seed, raw32(src) << 32 | raw32(dst))
    else:
        state = mix_address(mix_address(seed, src), dst)
    state = mix(state, PROTOCOL[protocol] << 32 | raw16(sport) << 16 | raw16(dport))
    return finish(state)


def maglev_slot(size, src, sport, dst, dport, protocol):
    return (tuple_hash(MAGLEV_SEED, src, sport, dst, dport, protocol) & 0xFFFFFFFF) % size


def maglev_address_slot(size, src):
    return (finish(mix_address(MAGLEV_SEED, src)) & 0xFFFFFFFF) % size


def ip_hash_slots(size, src, tries=21):
    """The slots that nginx's ip_hash looks at for a client, in order: by 3 bytes of IPv4, all of IPv6."""
    state = 89
    packed = ipaddress.ip_address(src).packed
    packed = packed[:3] if is_v4(src) else packed
    for _ in range(tries):
        for byte in packed:
            state = (state * 113 + byte) % 6271
        yield state % size


def snat_ports(flow_hash, low, high, tries=24):
    """The source ports that a flow tries, in order; one worker."""
    count = high - low + 1
    at, by = flow_hash >> 16, 0x40000000 + (flow_hash >> 34)
    for i in range(tries):
        yield low + (((at + i * by) & 0xFFFFFFFF) * count >> 32)
