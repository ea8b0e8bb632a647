// SPDX-License-Identifier: Apache-2.0
#include "control/ctl/replay_print.h"

#include <fmt/format.h>

#include "control/api/text.h"
#include "control/ctl/table.h"

namespace weir::ctl {
namespace {

using nlohmann::json;
using replay::Packet;
using replay::Replayed;

const api::ReasonText& text_of(weir_reason reason) {
    return api::reasons()[static_cast<std::size_t>(reason) - 1];
}

std::string endpoint(const weir_addr& address, weir_be16 port) {
    return api::endpoint_text(api::address_text(address), weir_be16_to(port));
}

std::string protocol_of(const weir_tuple& tuple) {
    if (tuple.protocol == 0) return "";
    const std::string_view name = api::protocol_text(tuple.protocol);
    return name == "other" ? fmt::format("ip {}", tuple.protocol) : std::string(name);
}

// Empty where the packet program has read none.
std::string source_of(const weir_tuple& tuple) {
    if (tuple.protocol == 0) return "";
    return tuple.sport.raw ? endpoint(tuple.src, tuple.sport) : api::address_text(tuple.src);
}

std::string destination_of(const weir_tuple& tuple) {
    if (tuple.protocol == 0) return "";
    return tuple.dport.raw ? endpoint(tuple.dst, tuple.dport) : api::address_text(tuple.dst);
}

std::string service_text(const Replayed& replayed) {
    const auto* service = replayed.service;
    return service ? fmt::format(
                         "{}/{}",
                         api::endpoint_text(service->address, service->port, service->last_port),
                         service->protocol)
                   : "";
}

std::string backend_text(const Replayed& replayed) {
    const auto* backend = replayed.backend;
    if (!backend) return "";
    return backend->port ? api::endpoint_text(backend->address, backend->port) : backend->address;
}

std::string port_name(unsigned port, const publish::Directory& directory) {
    return port < directory.ports.size() ? directory.ports[port].name : std::to_string(port);
}

std::string columns(std::string_view number, std::string_view time, std::string_view protocol,
                    std::string_view source, std::string_view destination, std::string_view verdict,
                    std::string_view reason, std::string_view service, std::string_view backend,
                    std::string_view out) {
    return fmt::format("{:>6}  {:>12}  {:<5}  {:<21}  {:<21}  {:<7}  {:<15}  {:<19}  {:<21}  {}",
                       number, time, protocol, source, destination, verdict, reason, service,
                       backend, out);
}

}  // namespace

std::string replay_header() {
    return columns("NUMBER", "TIME", "PROTO", "SOURCE", "DESTINATION", "VERDICT", "REASON",
                   "SERVICE", "BACKEND", "OUT");
}

std::string replay_line(const Packet& packet, double seconds, const Replayed& replayed,
                        const publish::Directory& directory) {
    const api::ReasonText& reason = text_of(replayed.reason);
    std::string out;
    for (const replay::Frame& frame : replayed.out)
        out += (out.empty() ? "" : ",") + port_name(frame.port, directory);
    return columns(std::to_string(packet.number), fmt::format("{:.6f}", seconds),
                   printable(protocol_of(replayed.tuple)), printable(source_of(replayed.tuple)),
                   printable(destination_of(replayed.tuple)), reason.verdict_name, reason.name,
                   printable(service_text(replayed)), printable(backend_text(replayed)),
                   printable(out));
}

json replay_json(const Packet& packet, double seconds, const Replayed& replayed,
                 const publish::Directory& directory) {
    const api::ReasonText& reason = text_of(replayed.reason);
    json line{{"number", packet.number},
              {"time", seconds},
              {"in", port_name(replayed.in_port, directory)},
              {"protocol", protocol_of(replayed.tuple)},
              {"source", source_of(replayed.tuple)},
              {"destination", destination_of(replayed.tuple)},
              {"verdict", reason.verdict_name},
              {"reason", reason.name},
              {"service", service_text(replayed)},
              {"upstream", replayed.service ? replayed.service->upstream : ""},
              {"backend", backend_text(replayed)},
              {"readdressed", replayed.readdressed},
              {"out", json::array()}};
    for (const replay::Frame& frame : replayed.out) {
        const weir_tuple tuple = replay::tuple_of(frame.bytes);
        line["out"].push_back({{"port", port_name(frame.port, directory)},
                               {"source", source_of(tuple)},
                               {"destination", destination_of(tuple)},
                               {"bytes", frame.bytes.size()}});
    }
    return line;
}

std::string replay_comment(const Packet& packet, const Replayed& replayed) {
    const api::ReasonText& reason = text_of(replayed.reason);
    std::string comment = fmt::format("{} {}: {}\npacket {} of the capture", reason.verdict_name,
                                      reason.name, reason.meaning, packet.number);
    if (replayed.service) comment += "\nservice " + service_text(replayed);
    if (replayed.backend)
        comment += "\nbackend " + backend_text(replayed) + " of " + replayed.backend->upstream;
    if (replayed.readdressed) comment += "\nreaddressed to the replay's source port";
    return comment;
}

}  // namespace weir::ctl
