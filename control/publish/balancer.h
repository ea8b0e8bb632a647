// SPDX-License-Identifier: Apache-2.0
// From a configuration, the backends' health and the routes toward them to generations of the
// shared tables. The same for both engines: it knows a tables::Writer, not what backs it. It
// decides who may take new flows; it opens no socket and asks no kernel (health/ and net/ tell it).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "control/config/model.h"
#include "control/publish/directory.h"
#include "control/publish/ids.h"
#include "control/publish/slots.h"
#include "dataplane/tables/result.h"
#include "dataplane/tables/writer.h"

namespace weir::publish {

using config::IpAddress;

// How packets reach a backend, in the tables' terms.
struct Route {
    enum class Way {
        neighbour,  // on a link of one of the ports
        router,     // behind one
        local,      // this host itself
        host,       // behind this host, but behind none of its ports
    };
    bool known = false;
    Way way = Way::neighbour;
    std::uint8_t port = 0;  // index into weir_control.ports
    weir_mac next_hop{};
    std::uint16_t mtu = 0;       // 0: not known
    std::uint16_t link_mtu = 0;  // likewise
    IpAddress source;            // of the packets toward it
    IpAddress own;               // this host's own address on that way, whatever `snat` says
    std::uint16_t source_low = WEIR_LEAST_SOURCE_PORT;
    std::uint16_t source_high = 65535;
    std::uint16_t beside_kernel_low =
        WEIR_LEAST_SOURCE_PORT;  // the same, on an address that the host uses too
    std::uint16_t beside_kernel_high = 65535;
    std::string text;  // for people: the way, or why there is none
};
using RouteTo = std::function<Route(const IpAddress& backend, std::uint16_t id)>;

// A backend that the configuration wants probed.
struct ProbeTarget {
    std::uint16_t id = 0;
    IpAddress address;
    std::uint16_t port = 0;
    config::HealthCheck check;
};

class Balancer {
  public:
    Balancer(tables::View view, tables::Writer::WaitSeen wait_seen);

    // Takes a configuration in place of the one before; publish() makes it count. `wildcard` are
    // the addresses, of both families, that a `listen` without one stands for. On an error nothing
    // has changed.
    Status configure(const config::Model& model, const std::vector<IpAddress>& wildcard);

    // Writes and publishes a generation. Slot tables of upstreams whose peers are as before are
    // kept.
    Status publish(const RouteTo& route_to);

    // What the ports' own ends are like (ports.h); counts from the next publish().
    void note_interfaces(std::span<const weir_interface> interfaces) {
        writer_.set_interfaces(interfaces);
    }

    // What health checks say of a backend; counts from the next publish().
    void note_health(std::uint16_t id, bool healthy, const std::string& reason);

    // No service takes new flows any more (graceful shutdown).
    void drain();

    // Forgets removed services and backends that no flow needs any more. true: publish() is due.
    bool forget_unused(std::uint64_t now);

    // Flows that have not expired and are not closed.
    std::size_t live_flows(std::uint64_t now) const;

    std::vector<ProbeTarget> probe_targets() const;
    std::vector<IpAddress> backend_addresses() const;
    const Directory& directory() const { return directory_; }
    Directory& directory() { return directory_; }
    const tables::Writer& writer() const { return writer_; }

  private:
    struct Backend {
        IpAddress address;
        std::uint16_t port = 0;
        std::uint32_t upstream = 0;
        std::string upstream_name;
        std::string name;
        config::Delivery delivery;
        unsigned weight = 0;
        bool backup = false;
        bool down = false;
        bool healthy = true;
        bool removed = false;
        bool retired = false;  // published as removed: no new flow can come to it
        std::string reason;    // why unhealthy
    };
    struct Upstream {
        std::string name;
        config::Method method = config::Method::round_robin;
        config::HashKey hash_key = config::HashKey::flow;
        config::Delivery delivery;
        std::vector<Peer> peers;  // as last published
        std::vector<std::pair<std::uint16_t, const config::Server*>> servers;
        tables::SlotRange slots;
        tables::SlotRange turns;
        tables::SlotRange cids;                // from server id to backend
        std::vector<std::uint16_t> cid_slots;  // what stands there
        bool built = false;
        bool quic = false;  // some service reads connection ids
        bool v4 = false;    // has services of this family
        bool v6 = false;
        std::optional<config::HealthCheck> check;
        std::uint16_t check_port = 0;  // of a server without a port of its own
    };
    struct Service {
        weir_service record{};
        ServiceInfo info;
        std::uint32_t upstream = 0;
        bool any_address = false;  // its listen names none
        bool removed = false;
        bool retired = false;
    };

    void adopt();
    Status number_upstreams(const config::Model& model,
                            std::map<std::uint32_t, Upstream>& upstreams);
    Status number_services(const config::Model& model, const std::vector<IpAddress>& wildcard,
                           std::map<std::uint32_t, Service>& services);
    Status number_service(const config::Service& configured, const config::Upstream& upstream,
                          const IpAddress& address, std::map<std::uint32_t, Service>& services);
    void note_services(std::map<std::uint32_t, Upstream>& upstreams, const config::Model& model);
    void take_servers(std::uint32_t number, const Upstream& upstream,
                      const std::set<std::uint32_t>& before);
    void forget_strangers();
    weir_backend backend_record(const Backend& backend, Route& route) const;
    std::vector<weir_service> service_records() const;
    Status build_slots(Upstream& upstream, const std::vector<Route>& routes);
    Status build_cids(Upstream& upstream);
    void describe(const std::vector<Route>& routes);

    tables::Writer writer_;
    Ids ids_;
    config::Model model_;
    bool draining_ = false;
    std::map<std::uint32_t, Upstream> upstreams_;  // by number
    std::map<std::uint32_t, Backend> backends_;
    std::map<std::uint32_t, Service> services_;
    Directory directory_;
};

}  // namespace weir::publish
