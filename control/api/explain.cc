// SPDX-License-Identifier: Apache-2.0
#include "control/api/explain.h"

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

#include "control/api/explain_text.h"
#include "control/api/text.h"
#include "control/api/trial_env.h"

// After the engine's glue.
#include "bpf/shared/program.h"

namespace weir::api {
namespace {

using nlohmann::json;

// RFC 791, of a header without options.
weir_be16 header_checksum(const weir_ipv4& ip) {
    std::uint32_t sum = 0;
    weir_be32 words[sizeof(ip) / sizeof(weir_be32)];
    std::memcpy(words, &ip, sizeof(ip));
    for (const weir_be32 word : words) sum = weir_sum32(sum, word);
    return {static_cast<std::uint16_t>(~weir_fold(sum))};
}

// The client's first packet: Ethernet, IP, and a SYN or an empty datagram.
std::vector<std::uint8_t> first_packet(const weir_tuple& tuple, const weir_mac& to) {
    const bool v4 = weir_addr_is_v4(&tuple.src);
    const bool tcp = tuple.protocol == WEIR_PROTO_TCP;
    const std::size_t l3 = sizeof(weir_eth);
    const std::size_t l4 = l3 + (v4 ? sizeof(weir_ipv4) : sizeof(weir_ipv6));
    std::vector<std::uint8_t> frame(l4 + (tcp ? sizeof(weir_tcp) : sizeof(weir_udp)));
    const auto payload = static_cast<std::uint16_t>(frame.size() - l4);

    weir_eth eth{to, {{2, 0, 0, 0, 0, 1}}, weir_be16_from(v4 ? WEIR_ETH_IPV4 : WEIR_ETH_IPV6)};
    std::memcpy(frame.data(), &eth, sizeof(eth));
    if (v4) {
        weir_ipv4 ip{};
        ip.version_ihl = 0x45;
        ip.length = weir_be16_from(static_cast<std::uint16_t>(sizeof(ip) + payload));
        ip.ttl = 64;
        ip.protocol = static_cast<std::uint8_t>(tuple.protocol);
        ip.src = tuple.src.word[3];
        ip.dst = tuple.dst.word[3];
        ip.checksum = header_checksum(ip);
        std::memcpy(frame.data() + l3, &ip, sizeof(ip));
    } else {  // RFC 8200 section 3
        weir_ipv6 ip{};
        ip.version_class = 0x60;
        ip.length = weir_be16_from(payload);
        ip.next = static_cast<std::uint8_t>(tuple.protocol);
        ip.hops = 64;
        ip.src = tuple.src;
        ip.dst = tuple.dst;
        std::memcpy(frame.data() + l3, &ip, sizeof(ip));
    }
    if (tcp) {
        weir_tcp header{};
        header.sport = tuple.sport;
        header.dport = tuple.dport;
        header.offset = 5 << 4;
        header.flags = WEIR_TCP_SYN;
        std::memcpy(frame.data() + l4, &header, sizeof(header));
    } else {
        // Nobody verifies the checksum, but without one it could not change its family.
        const weir_udp header{tuple.sport, tuple.dport, weir_be16_from(payload), {1}};
        std::memcpy(frame.data() + l4, &header, sizeof(header));
    }
    return frame;
}

Result<weir_tuple> tuple_of(const json& question) {
    const Error error{
        R"(an explanation is asked for by {"client": "10.0.0.2:4242", "service": "10.0.0.10:80", )"
        R"("protocol": "tcp"})"};
    for (const char* key : {"client", "service", "protocol"})
        if (!question.is_object() || !question.contains(key) || !question[key].is_string())
            return error;
    const std::string protocol = question["protocol"].get<std::string>();
    if (protocol != "tcp" && protocol != "udp")
        return Error{"\"" + protocol + "\" is no protocol of a service; there are tcp and udp"};
    weir_tuple tuple{};
    tuple.protocol = protocol == "tcp" ? WEIR_PROTO_TCP : WEIR_PROTO_UDP;
    for (const char* key : {"client", "service"}) {
        const std::string text = question[key].get<std::string>();
        const auto endpoint = parse_endpoint(text);
        if (!endpoint || endpoint->port == 0)
            return Error{"\"" + text +
                         "\" is no endpoint such as 10.0.0.2:4242 or [2001:db8::1]:80"};
        const bool client = std::strcmp(key, "client") == 0;
        (client ? tuple.src : tuple.dst) = endpoint->address;
        (client ? tuple.sport : tuple.dport) = weir_be16_from(endpoint->port);
    }
    if (weir_addr_is_v4(&tuple.src) != weir_addr_is_v4(&tuple.dst))
        return Error{"client and service must both be IPv4, or both IPv6"};
    return tuple;
}

// One question, answered step by step; each step runs the program's own function on a fresh trial.
class Explanation {
  public:
    Explanation(const Sources& sources, const weir_tuple& tuple)
        : sources_(sources), control_(*sources.view.control) {
        for (in_port_ = 0; in_port_ + 1 < WEIR_PORT_CAPACITY; in_port_++)
            if (control_.ports[in_port_].kind == WEIR_PORT_NETWORK) break;
        frame_ = first_packet(tuple, control_.ports[in_port_].mac);
        weir_env env = trial();
        parsed_ = weir_parse(&packet_, frame_.data(), frame_.data() + frame_.size(),
                             static_cast<std::uint32_t>(frame_.size()),
                             static_cast<std::uint8_t>(in_port_));
        if (parsed_ != WEIR_REASON_NONE) packet_.tuple = tuple;
        const weir_reason hashed = weir_hash_packet(&env, &packet_, weir_tick(sources.now));
        if (parsed_ == WEIR_REASON_NONE) parsed_ = hashed;
        sets_ = sources.view.flow_sets();
        if (sets_ > 1)
            worker_ = weir_owner(&env, weir_service_find(&env, &packet_.tuple), &packet_.tuple,
                                 packet_.hash, control_.workers);
        answer_ = {{"client", endpoint(tuple.src, tuple.sport)},
                   {"service", endpoint(tuple.dst, tuple.dport)},
                   {"protocol", protocol_text(tuple.protocol)},
                   {"steps", json::array()}};
    }

    json answer() {
        weir_env env = trial();
        decide(env);
        if (parsed_ == WEIR_REASON_NONE) {
            weir_env other = trial();
            const weir_service* service = weir_service_find(&other, &packet_.tuple);
            service_step(service);
            if (service && (service->flags & WEIR_SERVICE_STATELESS)) {
                answer_["flow"] = false;
                say("flow", "none: the service keeps no flows");
            } else {
                flow_step(other, service);
            }
            if (service && !answer_["flow"].get<bool>()) pick_step(*service);
        }
        if (weir_verdict_of(reason_) == WEIR_VERDICT_FORWARD) {
            backend_step(env);
            way_steps(env);
        }
        result_step();
        return std::move(answer_);
    }

  private:
    weir_env trial() const {
        weir_env env{sources_.view};
        env.half =
            static_cast<std::uint32_t>(__atomic_load_n(&control_.generation, __ATOMIC_ACQUIRE)) & 1;
        env.set = env.worker = worker_;
        return env;
    }

    static std::string endpoint(const weir_addr& address, weir_be16 port) {
        return endpoint_text(address_text(address), weir_be16_to(port));
    }

    void say(const char* step, const std::string& text) {
        answer_["steps"].push_back({{"step", step}, {"text", text}});
    }

    void service_step(const weir_service* service) {
        const std::string address = address_text(packet_.tuple.dst);
        const auto protocol = protocol_text(packet_.tuple.protocol);
        if (!service) {
            answer_["matched"] = nullptr;
            say("service",
                fmt::format("none has this destination; {}",
                            nearest_service_text(sources_.directory, address,
                                                 weir_be16_to(packet_.tuple.dport), protocol)));
            return;
        }
        const auto* info = find_service(sources_.directory, service->id);
        const std::string text =
            fmt::format("{}/{}",
                        info ? endpoint_text(info->address, info->port, info->last_port)
                             : endpoint(service->addr, packet_.tuple.dport),
                        protocol);
        answer_["matched"] = text;
        answer_["upstream"] = info ? info->upstream : "-";
        answer_["method"] = info ? info->method : "-";
        say("service", fmt::format("{} balances to upstream {} by {}{}", text,
                                   answer_["upstream"].get<std::string>(),
                                   answer_["method"].get<std::string>(),
                                   service->flags & WEIR_SERVICE_DRAINING
                                       ? "; it is draining and takes no new flows"
                                       : ""));
        if (sets_ > 1)
            say("worker", fmt::format("{} of {} owns the flow", worker_, control_.workers));
    }

    void flow_step(weir_env& env, const weir_service* service) {
        const std::uint32_t now = weir_tick(sources_.now);
        std::uint32_t number = WEIR_NO_FLOW;
        if (service) number = weir_flow_find(&env, &packet_.tuple, packet_.hash, now);
        if (service && number == WEIR_NO_FLOW && weir_is_reply_after_all(&env, &packet_, now))
            service = nullptr;
        if (!service) number = weir_flow_find_reply(&env, &packet_.tuple, packet_.hash, now);
        const bool reopened = number != WEIR_NO_FLOW && reason_ == WEIR_REASON_FLOW_NEW;
        answer_["flow"] = number != WEIR_NO_FLOW && !reopened;
        if (number == WEIR_NO_FLOW) {
            if (!service)
                say("flow", "none has this as its reply");
            else if (packet_.tuple.protocol == WEIR_PROTO_TCP)
                say("flow", "none; a SYN begins one, any other packet would be dropped (no_flow)");
            else
                say("flow", "none; this packet begins one");
            return;
        }
        const weir_flow* flow = weir_env_flow(&env, number);
        answer_["flow_state"] = flow_state_text(flow->state);
        say("flow", fmt::format("{}{}, expires in {} s{}",
                                service ? "" : "reply of a flow: ", flow_state_text(flow->state),
                                weir_ticks_ms(flow->expires - now) / 1000,
                                reopened ? "; this packet begins a new one" : ""));
    }

    // Which slot the method comes to. The slots are labelled, so the program tells the slot itself.
    void pick_step(const weir_service& service) {
        weir_env env = trial();
        env.label_slots = true;
        const std::uint32_t place = weir_pick(&env, &service, &packet_.tuple);
        if (place == WEIR_NO_BACKEND) {
            answer_["slot"] = nullptr;
            return;
        }
        const std::uint32_t slot = env.line * WEIR_SLOTS_PER_LINE + place;
        const bool by_turn =
            slot >= service.turn_base && slot - service.turn_base < service.turn_count;
        const std::uint32_t index = slot - (by_turn ? service.turn_base : service.slot_base);
        const std::uint32_t count = by_turn ? service.turn_count : service.slot_count;
        answer_["slot"] = index;
        answer_["slots"] = count;
        std::string text = fmt::format("{} of {}", index, count);
        if (by_turn) {
            const std::uint64_t turn = env.upstreams.at(service.upstream).turns - 1;
            answer_["turn"] = turn;
            text +=
                fmt::format(", by turn {}, which is the next new flow's of this upstream", turn);
            if (service.method == WEIR_METHOD_IP_HASH)
                text += "; the hash met only backends that take no flows";
        } else {
            text += service.method == WEIR_METHOD_MAGLEV ? ", by the hash of addresses and ports"
                                                         : ", by the hash of the client's address";
            if (env.slots_asked > 1)
                text += fmt::format(
                    ", at the {}th try: the slots before name backends that take no "
                    "flows",
                    env.slots_asked);
        }
        say("slot", text);
    }

    void backend_step(weir_env& env) {
        const weir_backend* backend = weir_env_backend(&env, decided_.backend);
        if (!backend) return;
        const auto* info = find_backend(sources_.directory, decided_.backend);
        weir_be16 port = packet_.tuple.sport;  // of its reply
        if (decided_.from_client)
            port = backend->mode >= WEIR_MODE_DSR ? packet_.tuple.dport
                                                  : weir_port_at(backend, packet_.tuple.dport);
        answer_["backend"] = endpoint(backend->addr, port);
        answer_["backend_state"] = info ? info->state : "-";
        say("backend", info ? backend_text(*info) : endpoint(backend->addr, port));
    }

    // How the backend gets the packet, and from whom.
    void source_step(weir_env& env, const weir_backend& backend) {
        answer_["mode"] = mode_text(backend.mode);
        if (backend.mode != WEIR_MODE_NAT) {
            say("mode", delivery_text(backend.mode));
            return;
        }
        const std::string source = address_text(backend.snat);
        answer_["source"] = source;
        answer_["source_ports"] = {backend.snat_low, backend.snat_high};
        if (!answer_["flow"].get<bool>()) {
            say("source", fmt::format("{}, a free port of {} to {}{}", source, backend.snat_low,
                                      backend.snat_high,
                                      control_.workers > 1 ? " that belongs to the worker" : ""));
            return;
        }
        const weir_flow* flow = weir_env_flow(&env, decided_.flow);
        if (!flow) return;
        const weir_tuple reply = weir_reply_of(&env, flow);
        answer_["source"] = address_text(reply.dst);
        answer_["source_port"] = weir_be16_to(reply.dport);
        say("source", fmt::format("{}, the flow's port", endpoint(reply.dst, reply.dport)));
    }

    void way_steps(weir_env& env) {
        const weir_packet& packet = decided_;
        const weir_backend* backend = weir_env_backend(&env, packet.backend);
        if (!backend) return;
        if (packet.from_client) source_step(env, *backend);
        char mac[18];
        std::snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", packet.next_hop.byte[0],
                      packet.next_hop.byte[1], packet.next_hop.byte[2], packet.next_hop.byte[3],
                      packet.next_hop.byte[4], packet.next_hop.byte[5]);
        const auto* info = find_backend(sources_.directory, packet.backend);
        std::string port = std::to_string(packet.out_port);
        for (const publish::PortInfo& known : sources_.directory.ports)
            if (known.index == packet.out_port) port = known.name;
        answer_["next_hop"] = mac;
        answer_["port"] = port;
        say("next hop", fmt::format("{} out of {}{}", mac, port,
                                    info && packet.from_client ? ": " + info->next_hop : ""));
    }

    // The whole program on the packet: what it comes to in the end.
    void decide(weir_env& env) {
        decided_ = packet_;
        reason_ = parsed_;
        if (reason_ == WEIR_REASON_NONE)
            reason_ = weir_decide(&env, &decided_, frame_.data(), frame_.data() + frame_.size(),
                                  weir_tick(sources_.now));
    }

    void result_step() {
        const ReasonText& text = reasons()[static_cast<std::size_t>(reason_) - 1];
        if (answer_.contains("upstream")) {
            const std::string others =
                unselectable_text(sources_.directory, answer_["upstream"].get<std::string>());
            if (!others.empty()) say("not chosen", others);
        }
        answer_["verdict"] = text.verdict_name;
        answer_["reason"] = text.name;
        answer_["meaning"] = text.meaning;
        say("result", fmt::format("{} ({}): {}", text.verdict_name, text.name, text.meaning));
    }

    const Sources& sources_;
    const weir_control& control_;
    unsigned in_port_ = 0;
    std::vector<std::uint8_t> frame_;
    weir_packet packet_{};
    weir_reason parsed_ = WEIR_REASON_NONE;  // of the packet as it arrives
    weir_packet decided_{};
    weir_reason reason_ = WEIR_REASON_NONE;  // in the end
    std::size_t sets_ = 1;
    std::uint32_t worker_ = 0;
    json answer_;
};

}  // namespace

Result<json> explain(const Sources& sources, const json& question) {
    const auto tuple = tuple_of(question);
    if (!tuple) return Error{tuple.error()};
    if (!sources.view.control) return Error{"nothing has been published yet"};
    return Explanation(sources, *tuple).answer();
}

}  // namespace weir::api
