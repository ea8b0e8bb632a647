// SPDX-License-Identifier: Apache-2.0
// How records of the shared tables are written for people: addresses, endpoints, states, reasons.
// Called by the reports and by weirctl. Pure functions; what they print is the API's vocabulary and
// may not change lightly.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bpf/shared/flow_record.h"
#include "bpf/shared/reasons.h"
#include "bpf/shared/tables.h"

namespace weir::api {

std::string address_text(const weir_addr& address);                         // 10.0.0.1, 2001:db8::1
std::string endpoint_text(const std::string& address, std::uint16_t port);  // 10.0.0.1:80, [::1]:80
std::string endpoint_text(const std::string& address, std::uint16_t first,
                          std::uint16_t last);  // 10.0.0.1:8000-8010, or as above

// ADDRESS:PORT or [IPV6]:PORT. Nothing when it is not that.
struct Endpoint {
    weir_addr address{};
    std::uint16_t port = 0;
};
std::optional<Endpoint> parse_endpoint(const std::string& text);

std::string_view mode_text(std::uint8_t mode);           // nat, transparent, dsr, ipip, gue
std::string_view protocol_text(std::uint32_t protocol);  // tcp, udp
std::string_view flow_state_text(std::uint8_t state);    // opening, established, closed

struct ReasonText {
    weir_reason reason;
    weir_verdict verdict;
    std::string_view verdict_name;  // forward, to_host, drop
    std::string_view name;
    std::string_view meaning;
};

// Every reason but NONE, in the order of their numbers.
const std::array<ReasonText, WEIR_REASON_COUNT - 1>& reasons();

// What an operator may type to select endpoints: ADDRESS, ADDRESS:PORT, [IPV6]:PORT or :PORT.
class EndpointFilter {
  public:
    static std::optional<EndpointFilter> parse(const std::string& text);
    bool matches(const weir_addr& address, std::uint16_t port) const;
    bool matches(const std::string& address, std::uint16_t port) const;  // numeric
    bool matches(const std::string& address, std::uint16_t first, std::uint16_t last) const;

  private:
    std::optional<weir_addr> address_;
    std::optional<std::uint16_t> port_;
};

}  // namespace weir::api
