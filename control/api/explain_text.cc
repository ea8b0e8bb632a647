// SPDX-License-Identifier: Apache-2.0
#include "control/api/explain_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "bpf/shared/tables.h"
#include "control/api/text.h"

namespace weir::api {

const publish::ServiceInfo* find_service(const publish::Directory& directory, std::uint32_t id) {
    const auto found = std::ranges::find(directory.services, id, &publish::ServiceInfo::id);
    return found == directory.services.end() ? nullptr : &*found;
}

const publish::BackendInfo* find_backend(const publish::Directory& directory, std::uint16_t id) {
    const auto found = std::ranges::find(directory.backends, id, &publish::BackendInfo::id);
    return found == directory.backends.end() ? nullptr : &*found;
}

std::string backend_text(const publish::BackendInfo& backend) {
    const std::string endpoint =
        backend.port ? endpoint_text(backend.address, backend.port) : backend.address;
    return fmt::format("{}{} is {}{}", endpoint,
                       backend.name == endpoint ? "" : fmt::format(" ({})", backend.name),
                       backend.state, backend.reason.empty() ? "" : ": " + backend.reason);
}

std::string unselectable_text(const publish::Directory& directory, const std::string& upstream) {
    std::string text;
    for (const publish::BackendInfo& backend : directory.backends)
        if (backend.upstream == upstream && !backend.selectable)
            text += (text.empty() ? "" : "; ") + backend_text(backend);
    return text;
}

std::string delivery_text(std::uint8_t mode) {
    switch (mode) {
        case WEIR_MODE_TRANSPARENT:
            return "transparent: the backend sees the client's own address and port";
        case WEIR_MODE_DSR:
            return "dsr: the IP packet stays as it is, and the backend answers the client itself";
        case WEIR_MODE_IPIP:
            return "ipip: inside an IP packet, and the backend answers the client itself";
        case WEIR_MODE_GUE:
            return "gue: inside a UDP datagram, and the backend answers the client itself";
        default:
            return "nat";
    }
}

std::string nearest_service_text(const publish::Directory& directory, const std::string& address,
                                 std::uint16_t port, std::string_view protocol) {
    std::string here;
    std::string elsewhere;
    for (const publish::ServiceInfo& service : directory.services) {
        const std::string text =
            fmt::format("{}/{}", endpoint_text(service.address, service.port, service.last_port),
                        service.protocol);
        if (service.address == address)
            here += (here.empty() ? "" : ", ") + text;
        else if (service.port <= port && port <= service.last_port && service.protocol == protocol)
            elsewhere += (elsewhere.empty() ? "" : ", ") + text;
    }
    if (!here.empty()) return "this address has " + here;
    if (!elsewhere.empty()) return "other addresses have " + elsewhere;
    return "weirctl show services lists what there is";
}

}  // namespace weir::api
