// SPDX-License-Identifier: Apache-2.0
#include "control/replay/pcapng.h"

#include <fmt/format.h>

#include <cerrno>

#include "control/log/system_error.h"

namespace weir::replay {
namespace {

// Section numbers are those of the draft.
constexpr std::uint32_t section_header = 0x0a0d0d0a;  // 4.1
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint32_t interface_description = 1;  // 4.2
constexpr std::uint32_t enhanced_packet = 6;        // 4.3
constexpr std::uint16_t link_type_ethernet = 1;
constexpr std::uint16_t option_end = 0;
constexpr std::uint16_t option_comment = 1;
constexpr std::uint16_t option_application = 4;  // of a section header
constexpr std::uint16_t option_name = 2;         // of an interface
constexpr std::uint16_t option_resolution = 9;   // likewise
constexpr std::size_t longest_option = 65535;

template <class T>
void put(std::string& body, T value) {
    body.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void pad(std::string& body) {
    body.append((4 - body.size() % 4) % 4, '\0');
}

void put_option(std::string& body, std::uint16_t code, std::string_view value) {
    value = value.substr(0, longest_option);
    put(body, code);
    put(body, static_cast<std::uint16_t>(value.size()));
    body += value;
    pad(body);
}

}  // namespace

Result<PcapngWriter> PcapngWriter::create(const std::string& file,
                                          const std::vector<std::string>& interfaces) {
    PcapngWriter writer(file);
    writer.out_.open(file, std::ios::binary | std::ios::trunc);
    if (!writer.out_) return Error{fmt::format("cannot write {} ({})", file, system_error(errno))};

    std::string body;
    put(body, byte_order_magic);
    put(body, std::uint16_t{1});  // version 1.0
    put(body, std::uint16_t{0});
    put(body, std::int64_t{-1});  // the section's length: not said
    put_option(body, option_application, "weirctl replay");
    put_option(body, option_end, "");
    writer.block(section_header, body);
    for (const std::string& name : interfaces) {
        body.clear();
        put(body, link_type_ethernet);
        put(body, std::uint16_t{0});
        put(body, std::uint32_t{0});  // no snapshot limit
        put_option(body, option_name, name);
        put_option(body, option_resolution, std::string_view("\x09", 1));
        put_option(body, option_end, "");
        writer.block(interface_description, body);
    }
    return writer;
}

void PcapngWriter::write(unsigned interface, std::uint64_t time_ns,
                         std::span<const std::uint8_t> bytes, std::size_t length,
                         const std::string& comment) {
    std::string body;
    put(body, std::uint32_t{interface});
    put(body, static_cast<std::uint32_t>(time_ns >> 32));
    put(body, static_cast<std::uint32_t>(time_ns));
    put(body, static_cast<std::uint32_t>(bytes.size()));
    put(body, static_cast<std::uint32_t>(length));
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pad(body);
    put_option(body, option_comment, comment);
    put_option(body, option_end, "");
    block(enhanced_packet, body);
}

Status PcapngWriter::close() {
    out_.close();
    if (!out_) return Error{fmt::format("cannot write {} ({})", file_, system_error(errno))};
    return success();
}

void PcapngWriter::block(std::uint32_t type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    std::string head;
    put(head, type);
    put(head, length);
    out_ << head << body;
    out_.write(reinterpret_cast<const char*>(&length), sizeof(length));
}

}  // namespace weir::replay
