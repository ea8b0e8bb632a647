#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 2544 section 26.1 with TRex, for TCP services too: opens each flow with a SYN, then searches for the
highest rate without loss. Start `./t-rex-64 -i -c @CORES@` first, with ports @CLIENT_PCI@ and @BACKEND_PCI@,
and run this with PYTHONPATH=automation/trex_control_plane/interactive. Written by scripts/pktgen."""
import csv

from trex.stl.api import (IP, TCP, UDP, Ether, STLClient, STLPktBuilder, STLStream, STLTXCont, STLTXSingleBurst,
                          STLVmFixChecksumHw, STLVmTupleGen, STLVmWrFlowVar, CTRexVmDescFixCsHw)

SIZES = [@SIZES@]
SERVICES = @SERVICES_PY@
FLOWS = @FLOWS@
SECONDS = @SECONDS@
RESOLUTION = @RESOLUTION@  # percent of the line rate
SENDER, RECEIVER = 0, 1
FCS = 4


def packet(service, size, flags):
    """A frame of this size to the service, from each client address and port in turn."""
    address, port, protocol = service
    layer = TCP(dport=port, flags=flags) if protocol == "tcp" else UDP(dport=port)
    frame = Ether(src="@CLIENT_MAC@", dst="@WEIR_MAC@") / IP(src="@FIRST_CLIENT@", dst=address) / layer
    frame = frame / ("x" * max(0, size - FCS - len(frame)))
    name = "TCP" if protocol == "tcp" else "UDP"
    kind = CTRexVmDescFixCsHw.L4_TYPE_TCP if protocol == "tcp" else CTRexVmDescFixCsHw.L4_TYPE_UDP
    return STLPktBuilder(pkt=frame, vm=[
        STLVmTupleGen(name="client", ip_min="@FIRST_CLIENT@", ip_max="@LAST_CLIENT@",
                      port_min=@FIRST_PORT@, port_max=@LAST_PORT@, limit_flows=FLOWS),
        STLVmWrFlowVar(fv_name="client.ip", pkt_offset="IP.src"),
        STLVmWrFlowVar(fv_name="client.port", pkt_offset=f"{name}.sport"),
        STLVmFixChecksumHw(l3_offset="IP", l4_offset=name, l4_type=kind)])


def run(client, stream, **how):
    client.reset(ports=[SENDER, RECEIVER])
    client.add_streams(stream, ports=[SENDER])
    client.clear_stats()
    client.start(ports=[SENDER], **how)
    client.wait_on_traffic(ports=[SENDER], rx_delay_ms=2000)
    stats = client.get_stats()
    return stats[SENDER]["opackets"], stats[RECEIVER]["ipackets"]


def open_flows(client, service, size):
    burst = STLTXSingleBurst(pps=min(FLOWS, 100_000), total_pkts=FLOWS)
    run(client, STLStream(packet=packet(service, size, "S"), mode=burst))


def throughput(client, service, size):
    """Percent of the line rate, frames per second, frames lost in the confirming trial."""
    stream = STLStream(packet=packet(service, size, "A"), mode=STLTXCont(percentage=100))
    low, high, rate = 0.0, 100.0, 100.0
    while low < 100 and high - low > RESOLUTION:
        sent, received = run(client, stream, mult=f"{rate}%", duration=SECONDS)
        print(f"{size} bytes, {rate:.2f} %: {sent} sent, {sent - received} lost", flush=True)
        low, high = (rate, high) if received >= sent else (low, rate)
        rate = (low + high) / 2
    if low == 0:
        return 0.0, 0.0, 0
    sent, received = run(client, stream, mult=f"{low}%", duration=SECONDS)
    return low, sent / SECONDS, sent - received


def main():
    client = STLClient()
    client.connect()
    try:
        with open("throughput-trex.csv", "w", newline="", encoding="ascii") as file:
            rows = csv.writer(file)
            rows.writerow(["service", "frame_bytes", "percent_of_line", "frames_per_second", "lost_in_confirmation"])
            for service in SERVICES:
                for size in SIZES:
                    open_flows(client, service, size)
                    rate, fps, lost = throughput(client, service, size)
                    rows.writerow(["%s:%d/%s" % service, size, f"{rate:.2f}", f"{fps:.0f}", lost])
                    file.flush()
    finally:
        client.disconnect()


if __name__ == "__main__":
    main()
