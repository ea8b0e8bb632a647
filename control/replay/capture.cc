// SPDX-License-Identifier: Apache-2.0
#include "control/replay/capture.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

namespace weir::replay {
namespace {

// No link carries more; a length beyond it is a damaged file, not a reason to allocate.
constexpr std::size_t longest_packet = 262144;

const char* name_of(int link_type) {
    const char* name = pcap_datalink_val_to_name(link_type);
    return name ? name : "unknown";
}

}  // namespace

void Capture::Close::operator()(pcap* handle) const {
    pcap_close(handle);
}

Result<Capture> Capture::open(const std::string& file) {
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap* handle =
        pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO, why);
    if (!handle) {
        std::string text = why;  // libpcap names the file in some of its sentences
        if (text.starts_with(file + ": ")) text.erase(0, file.size() + 2);
        return Error{fmt::format("cannot read the capture {}: {}", file, text)};
    }
    Capture capture(file, handle);
    if (const int type = pcap_datalink(handle); type != DLT_EN10MB)
        return Error{fmt::format(
            "the capture {} has link type {}, not Ethernet: capture on one Ethernet interface "
            "(tcpdump -i eth0), not on \"any\"",
            file, name_of(type))};
    return capture;
}

Result<std::optional<Packet>> Capture::next() {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int got = pcap_next_ex(handle_.get(), &header, &data);
    if (got == PCAP_ERROR_BREAK) return std::optional<Packet>{};
    if (got != 1)
        return Error{fmt::format("the capture {} is damaged after packet {}: {}", file_, count_,
                                 pcap_geterr(handle_.get()))};
    count_++;
    if (header->len > longest_packet)
        return Error{fmt::format("the capture {} is damaged: packet {} would have {} bytes", file_,
                                 count_, header->len)};
    Packet packet;
    packet.number = count_;
    packet.time_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                     static_cast<std::uint64_t>(header->ts.tv_usec);  // nanoseconds, as asked for
    packet.captured = header->caplen;
    packet.bytes.assign(data, data + header->caplen);
    if (header->len > header->caplen) packet.bytes.resize(header->len);
    return std::optional(std::move(packet));
}

}  // namespace weir::replay
