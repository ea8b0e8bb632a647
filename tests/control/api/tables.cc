// SPDX-License-Identifier: Apache-2.0
#include "tests/control/api/tables.h"

namespace weir::api::testing {

weir_addr v4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return weir_addr_v4(weir_be32_from(a << 24 | b << 16 | c << 8 | d));
}

HandFilled::HandFilled(unsigned worker_count, unsigned flow_sets) : workers(worker_count) {
    tables::Geometry geometry;
    geometry.backends = 16;
    geometry.workers = worker_count;
    geometry.flow_sets = flow_sets;
    geometry.flow_buckets = 4;
    geometry.ref_buckets = 8;
    tables::initialize(control, geometry, 1);
    control.generation = 7;
    counters.resize(std::size_t{worker_count} * geometry.backends);
    flows.resize(std::size_t{flow_sets} * geometry.flow_buckets * WEIR_FLOWS_PER_BUCKET);
    references.resize(std::size_t{flow_sets} * geometry.ref_buckets);
    backends.resize(2 * geometry.backends);
    for (std::size_t id = 0; id < backends.size(); id++) {
        backends[id].addr = v4(10, 0, 0, static_cast<unsigned>(8 + id % geometry.backends));
        backends[id].port = weir_be16_from(8080);
    }
    address_of_source.resize(1);
    address_of_source[0].addr = v4(10, 0, 0, 1);
    view.control = &control;
    view.workers = workers;
    view.counters = counters;
    view.flows = flows;
    view.flow_refs = references;
    view.backends = backends;
    view.sources = address_of_source;

    directory.engine = "dpdk";
    directory.engine_reason = "asked for";
    directory.generation = 7;
    directory.services = {{1, "10.0.0.1", 80, 80, "tcp", "app", "round_robin", "nat", false, false},
                          {2, "2001:db8::1", 53, 60, "udp", "dns", "maglev", "dsr", true, true}};
    directory.backends = {
        {3, "app", "app1:8080", "10.0.0.11", 8080, "nat", 5, false, true, "up", "",
         "10.0.0.11 via eth1"},
        {4, "app", "app2:8080", "10.0.0.12", 8080, "nat", 1, false, false, "unhealthy",
         "connect() failed (111: Connection refused)", "10.0.0.12 via eth1"}};
    directory.ports = {{0, "weir0", "host link", "02:00:00:00:00:01", "net_tap"},
                       {1, "eth1", "network", "02:00:00:00:00:02", "net_af_xdp"}};
}

weir_flow& HandFilled::add_flow(std::size_t number, unsigned client, std::uint16_t backend,
                                weir_flow_state state) {
    weir_flow& flow = flows[number];
    flow.client = v4(10, 0, 0, client);
    flow.service = v4(10, 0, 0, 1);
    flow.client_port = weir_be16_from(40000);
    flow.service_port = weir_be16_from(80);
    flow.protocol = WEIR_PROTO_TCP;
    flow.expires = weir_tick(now) + WEIR_TICKS_OF_MS(600000);
    flow.state = state;
    flow.service_id = 1;
    flow.backend_id = backend;
    flow.snat_port = weir_be16_from(static_cast<std::uint16_t>(2000 + number));
    return flow;
}

}  // namespace weir::api::testing
