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
    tags.resize(std::size_t{flow_sets} * geometry.flow_buckets);
    flows.resize(tags.size() * WEIR_FLOWS_PER_BUCKET);
    view.control = &control;
    view.workers = workers;
    view.counters = counters;
    view.flow_tags = tags;
    view.flows = flows;

    directory.engine = "dpdk";
    directory.engine_reason = "asked for";
    directory.generation = 7;
    directory.services = {{1, "10.0.0.1", 80, "tcp", "app", "round_robin", false},
                          {2, "10.0.0.1", 53, "udp", "dns", "maglev", true}};
    directory.backends = {
        {3, "app", "app1:8080", "10.0.0.11", 8080, 5, false, true, "up", "", "10.0.0.11 via eth1"},
        {4, "app", "app2:8080", "10.0.0.12", 8080, 1, false, false, "unhealthy",
         "connect() failed (111: Connection refused)", "10.0.0.12 via eth1"}};
    directory.ports = {{0, "weir0", "host link", "02:00:00:00:00:01", "net_tap"},
                       {1, "eth1", "network", "02:00:00:00:00:02", "net_af_xdp"}};
}

weir_flow& HandFilled::add_flow(std::size_t number, unsigned client, std::uint16_t backend,
                                weir_flow_state state) {
    tags[number / WEIR_FLOWS_PER_BUCKET].tag[number % WEIR_FLOWS_PER_BUCKET] = 1;
    weir_flow& flow = flows[number];
    flow.tuple = {v4(10, 0, 0, client), v4(10, 0, 0, 1), weir_be16_from(40000), weir_be16_from(80),
                  WEIR_PROTO_TCP};
    flow.started = now - 90 * second;
    flow.expires = now + 600 * second;
    flow.state = state;
    flow.service = 1;
    flow.backend = v4(10, 0, 0, 8u + backend);
    flow.backend_port = weir_be16_from(8080);
    flow.backend_id = backend;
    flow.snat = v4(10, 0, 0, 1);
    flow.snat_port = weir_be16_from(static_cast<std::uint16_t>(2000 + number));
    return flow;
}

}  // namespace weir::api::testing
