// SPDX-License-Identifier: Apache-2.0
#include "control/publish/ids.h"

namespace weir::publish {
namespace {

std::array<std::uint32_t, 4> words(const weir_addr& addr) {
    return {addr.word[0].raw, addr.word[1].raw, addr.word[2].raw, addr.word[3].raw};
}

}  // namespace

std::uint64_t upstream_name(const std::string& name) {
    std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
    for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3ull;
    return hash == 0 ? 1 : hash;
}

BackendKey backend_key(std::uint32_t upstream, const weir_addr& addr, weir_be16 port,
                       std::uint8_t mode) {
    return {upstream, words(addr), weir_be16_to(port), mode};
}

ServiceKey service_key(const weir_service& service) {
    const std::uint16_t port = weir_be16_to(service.port);
    const bool range = service.port_high != 0;
    return {words(service.addr), range ? service.port_low : port, range ? service.port_high : port,
            service.protocol};
}

Ids::Ids(const weir_control& control)
    : upstreams(control.upstream_capacity),
      backends(std::min<std::uint32_t>(control.backend_capacity, WEIR_NO_BACKEND)),
      services(std::min<std::uint32_t>(control.service_capacity, 1u << 16)) {}

void Ids::adopt(const tables::View& view, std::span<const weir_service> current_services,
                std::span<const weir_backend> current_backends) {
    for (std::uint32_t i = 0; i < view.upstreams.size(); i++)
        if (view.upstreams[i].name != 0) upstreams.adopt(view.upstreams[i].name, i);
    for (std::uint32_t id = 0; id < current_backends.size(); id++) {
        const weir_backend& backend = current_backends[id];
        if (backend.flags & WEIR_BACKEND_USED)
            backends.adopt(backend_key(backend.upstream, backend.addr, backend.port, backend.mode),
                           id);
    }
    for (const weir_service& service : current_services)
        if (service.flags & WEIR_SERVICE_USED) services.adopt(service_key(service), service.id);
}

}  // namespace weir::publish
