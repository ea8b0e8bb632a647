// SPDX-License-Identifier: Apache-2.0
// What a configuration means, once it has been parsed: plain values that cannot be wrong. The
// parser (config/parser.h) is the only writer; the rest of control reads. No file positions are
// needed after parsing except for log lines, so each object keeps the `file:line` it came from.
//
// Times are milliseconds, ports are host byte order, addresses are boost::asio::ip::address.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::config {

using IpAddress = boost::asio::ip::address;
using Milliseconds = std::chrono::milliseconds;

struct Source {
    std::string file;
    unsigned line = 0;
};

enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };  // IANA protocol numbers

enum class Method : std::uint8_t {
    round_robin,  // nginx's smooth weighted round robin
    ip_hash,      // nginx's ip_hash (http): 3 bytes of IPv4, 16 of IPv6
    maglev,       // Maglev (NSDI 2016, section 3.4) over a hash of the key
};

enum class HashKey : std::uint8_t {
    flow,            // client address and port, service address and port, protocol
    client_address,  // `maglev $remote_addr`
};

// How packets reach a backend (`forward`, and `proxy_bind $remote_addr transparent`).
enum class Forward : std::uint8_t {
    nat,          // addresses and ports rewritten; replies come back through weir
    transparent,  // the client's address kept; replies are routed through weir
    dsr,          // only MACs rewritten; the backend answers the client itself
    ipip,         // in an IP header of weir's; likewise
    gue,          // in UDP, draft-ietf-intarea-gue; likewise
};

// dsr, ipip, gue: the client's packet arrives as it was sent, with its own port.
constexpr bool keeps_destination(Forward forward) {
    return forward >= Forward::dsr;
}
const char* to_text(Forward forward);  // "nat"

// All that decides how packets reach the backends of one upstream for one server{}.
struct Delivery {
    Forward forward = Forward::nat;
    std::uint16_t tunnel_port = 6080;  // gue (the port that IANA gave it)
    bool checksum = false;             // gue over IPv4; over IPv6 there always is one
    std::optional<IpAddress> bind;     // proxy_bind ADDRESS: the source address toward the backends
    bool session_drop = false;         // flows of a removed or dead backend are reset
    bool mss_clamp = true;             // a SYN's MSS is lowered to what fits ...
    std::uint16_t mss = 0;             // ... or to this, when not 0

    bool operator==(const Delivery&) const = default;
};

// One `server` line of an upstream. A host name with several addresses is several endpoints at this
// position, each with the full weight (nginx's ngx_stream_upstream_init_round_robin).
struct Server {
    std::string name;                  // the text of the directive, such as "app1.lan:8080"
    std::vector<IpAddress> addresses;  // resolved, never empty after parsing
    std::uint16_t port = 80;           // 0: whatever port the client used (dsr, ipip, gue)
    unsigned weight = 1;               // >= 1
    bool down = false;
    bool backup = false;
    std::optional<std::uint16_t> server_id;  // in QUIC connection ids
    Source source;
};

// A group of backends, reached in one way. Servers that name the same upstream{} but reach it in
// different ways have one of these each.
struct Upstream {
    std::string name;  // for a proxy_pass straight to an address: that text
    std::string key;   // unique; "NAME", or "NAME/dsr" and the like; the same after each reload
    Method method = Method::round_robin;
    HashKey hash_key = HashKey::flow;  // only for maglev
    std::vector<Server> servers;       // in file order; never empty
    bool implicit = false;             // made for a proxy_pass without an upstream{} block
    Delivery delivery;
    bool stateless = false;  // each packet follows the hash; no flows are kept
    Source source;
};

// nginx Plus' `health_check` directive: TCP connect in stream{}, GET `uri` in http{}.
struct HealthCheck {
    enum class Type : std::uint8_t { tcp, http };
    Type type = Type::tcp;
    Milliseconds interval{5000};
    Milliseconds jitter{0};             // a probe is delayed by a random time up to this
    Milliseconds timeout{5000};         // health_check_timeout (stream); the same default for http
    unsigned fails = 1;                 // consecutive failures that make a backend unhealthy
    unsigned passes = 1;                // consecutive successes that make it healthy again
    std::optional<std::uint16_t> port;  // default: the backend's own
    std::string uri = "/";
    Source source;
};

// `quic_cid`: where the server's number stands in a QUIC connection id.
struct QuicCid {
    std::uint8_t offset = 1;  // bytes before it; the first has the length (draft-ietf-quic-lb)
    std::uint8_t length = 1;  // of the number: 1 or 2 bytes

    bool operator==(const QuicCid&) const = default;
};

// One `listen` of one server{}: what clients address.
struct Service {
    std::optional<IpAddress> address;  // none: every address of the balancer's ports
    bool ipv6_wildcard = false;        // address is none and `listen [::]:port`
    std::uint16_t port = 0;
    std::uint16_t last_port = 0;  // of a range; else the same as port
    Protocol protocol = Protocol::tcp;
    std::size_t upstream = 0;            // index into Model::upstreams
    bool http = false;                   // from http{}: only the log and the probe type differ
    Milliseconds proxy_timeout{600000};  // idle time of an established flow
    Milliseconds proxy_connect_timeout{60000};  // time for the handshake
    std::optional<HealthCheck> health_check;
    std::optional<QuicCid> quic_cid;  // only for udp
    Source source;

    bool is_range() const { return last_port != 0 && last_port != port; }
};

enum class Engine : std::uint8_t { automatic, dpdk, xdp };

// What a DPDK worker does while no packets come.
enum class BusyPoll : std::uint8_t { automatic, on, off };

// One `port` of dataplane{}.
struct Port {
    enum class Kind : std::uint8_t {
        interface,  // a kernel network interface, by name
        pci,        // a PCI address (0000:3b:00.0), bound to vfio-pci or bifurcated
        vdev,       // a DPDK vdev string (net_memif0,id=0,...)
    };
    enum class Driver : std::uint8_t { automatic, af_xdp, af_packet };  // for interface on DPDK
    Kind kind = Kind::interface;
    std::string device;  // interface name, PCI address or vdev string
    std::string name;    // `name=`; default: the interface's; for pci and vdev the TAP's, weirpN
    Driver driver = Driver::automatic;
    std::vector<std::string>
        addresses;  // `address=10.0.0.1/24`, put on the TAP of a pci or vdev port
    std::vector<std::uint16_t>
        vlans;  // `vlan=10` or `vlan=100.10`, the outer one first; else what the kernel says
    std::string parent;  // `parent=eth0`: the device that its frames cross
    Source source;
};

struct Dataplane {
    Engine engine = Engine::automatic;
    std::vector<Port> ports;  // empty: chosen by control (see docs/configuration.md)
    unsigned workers = 0;     // 0: worker_processes' value, or 1
    BusyPoll busy_poll = BusyPoll::automatic;
    std::uint32_t flows = 262144;   // flow entries in all; rounded up to a power of two
    std::vector<IpAddress> snat;    // empty: the address of the interface toward the backend
    std::string instance = "weir";  // names sockets, pins, shared memory; one per network namespace
    std::string local_network =
        "169.254.77.0/30";  // the link to the host's own stack (local backends)
    std::string local_network6 = "fd77:6569:7200::/126";  // likewise, a ULA (RFC 4193)
    std::vector<IpAddress> icmp_peers;  // balancers that get a copy of errors for unknown flows
    bool reset_unknown = false;         // TCP of no flow is answered with RST, else dropped
    Source source;
};

enum class LogLevel : std::uint8_t { emerg, alert, crit, error, warn, notice, info, debug };

struct ErrorLog {
    std::string target;  // a path, "stderr", or empty for the default
    LogLevel level = LogLevel::error;
};

struct Core {
    ErrorLog error_log;
    std::string pid;  // absolute path
    bool daemon = true;
    bool master_process = true;
    unsigned worker_processes = 1;            // `auto`: the number of CPUs
    Milliseconds worker_shutdown_timeout{0};  // 0: no bound (nginx's default)
};

struct Model {
    Core core;
    Dataplane dataplane;
    std::vector<Upstream> upstreams;
    std::vector<Service> services;
};

}  // namespace weir::config
