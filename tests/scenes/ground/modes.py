# SPDX-License-Identifier: Apache-2.0
"""One configuration with a service for every mode and group of backends on the routed place (routed.py), in both
families, TCP and UDP; and the ports that its backends must listen on. Used by the scenes that go through all modes."""
from .netns import wait_for

MODES = {"nat": 7001, "transparent": 7002, "dsr": 7003, "ipip": 7004, "gue": 7005}  # and the service's port
DIRECT = ("dsr", "ipip", "gue")  # the port is the backend's own
NEAR, FAR, ONE = 0, 100, 200  # added to the port: both near backends, the far one, the first near one
GROUPS = {NEAR: (0, 1), FAR: (2,), ONE: (0,)}
PORT = 7000  # plus the group: a backend's port where weir rewrites it


def port(mode, group=NEAR):
    return MODES[mode] + group


def modes(group):
    """dsr needs the backend on one link."""
    return [mode for mode in MODES if group != FAR or mode != "dsr"]


def backend_ports(group):
    return [PORT + group, *(port(mode, group) for mode in modes(group) if mode in DIRECT)]


def conf(place):
    text = "".join(service(place, mode, group) for group in GROUPS for mode in modes(group))
    return f"stream {{\n{text}}}\n"


def start(weir, place):
    """Runs with conf() until every backend can be reached, in both families: neighbours take their time."""
    weir.start(conf(place), ready=MODES["nat"])
    wait_for(lambda: {row["state"] for row in weir.show("backends")} == {"up"}, 5, "all backends are up")
    return weir


def service(place, mode, group):
    text = ""
    direct, number = mode in DIRECT, port(mode, group)
    for name, addresses, vip in ((f"{mode}{number}", place.addresses, place.vip),
                                 (f"{mode}{number}_6", [f"[{address}]" for address in place.addresses6],
                                  f"[{place.vip6}]")):
        servers = "".join(f"server {addresses[host]}:{number if direct else PORT + group}; " for host in GROUPS[group])
        text += (f"    upstream {name} {{ {f'forward {mode}; ' if direct else ''}{servers}}}\n"
                 f"    server {{ listen {vip}:{number}; listen {vip}:{number} udp; proxy_pass {name}; "
                 f"{'proxy_bind $remote_addr transparent; ' if mode == 'transparent' else ''}}}\n")
    return text
