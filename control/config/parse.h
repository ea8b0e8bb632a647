// SPDX-License-Identifier: Apache-2.0
// What the directive handlers share while one configuration is read: the open file and its
// position, the blocks entered, the model so far and the messages. Created by parse() for one parse
// and never kept. Handlers are called in file order, as nginx calls its own, so the first error is
// nginx's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "control/config/delivery.h"
#include "control/config/directives.h"
#include "control/config/lexer.h"
#include "control/config/parser.h"
#include "control/config/upstreams.h"

namespace weir::config {

struct Listen {
    std::optional<IpAddress> address;  // as in Service
    bool ipv6_wildcard = false;
    std::uint16_t port = 0;
    std::uint16_t last_port = 0;  // of a range; else the same
    Protocol protocol = Protocol::tcp;
    Source source;

    std::string text() const;  // "0.0.0.0:80", "0.0.0.0:8000-8010"
    std::string text(std::uint16_t at) const;
    std::optional<std::uint16_t> shared_port(const Listen& other) const;  // the first one
    bool is_v4() const { return address ? address->is_v4() : !ipv6_wildcard; }
};

// One server{} of http{} or stream{}, with its location / folded in.
struct ServerBlock {
    std::vector<Listen> listens;
    std::optional<std::size_t> upstream;  // index into Proxy::upstreams
    std::optional<Milliseconds> proxy_timeout, proxy_connect_timeout, health_check_timeout;
    std::optional<HealthCheck> health_check;
    DeliveryWords delivery;
    std::optional<BindWords> location_bind;
    std::optional<QuicWords> quic;
    bool has_location = false;
    Source source;
};

// http{} or stream{}.
struct Proxy {
    Upstreams upstreams;
    std::size_t open = 0;              // the upstream whose block is read
    std::vector<ServerBlock> servers;  // the last one is open while its block is read
    std::optional<Milliseconds> proxy_timeout, proxy_connect_timeout, health_check_timeout;
    DeliveryWords delivery;
};

class Parse {
  public:
    explicit Parse(const ParseOptions& options) : options_(options) {}

    Result<Parsed> run();

    // For handlers: read the block just opened, until its closing brace.
    Status block(Context context);
    Status skip_block();  // of words and semicolons, as in types{}
    Status include(const std::string& pattern);

    // For handlers: errors at the statement being read, or somewhere else. Details are further
    // lines.
    Error error(const std::string& text, const std::string& detail = "") const;
    static Error error_at(const Source& source, const std::string& text,
                          const std::string& detail = "");
    Error not_supported(const std::string& what, const std::string& reason) const;
    Error invalid_value(const Statement& statement) const;
    Error duplicate(const Statement& statement) const;
    void warn(const std::string& text);
    void warn_at(const Source& source, const std::string& text);
    void notice_once(const std::string& name, const std::string& text);

    // True the first time for this name in this block.
    bool first(const Statement& statement);

    Source source() const;
    Context context() const { return context_; }
    bool in_http_block() const { return context_ & (in_any_http | in_http_upstream); }
    bool in_command_line() const;
    const ParseOptions& options() const { return options_; }
    Proxy& proxy() { return in_http_block() ? http : stream; }
    ServerBlock& server() { return proxy().servers.back(); }

    Model model;
    Proxy http, stream;
    std::set<std::string> fixed_by_command_line;  // settings of dataplane{} that -g has given

  private:
    enum class Until { close, end_of_text };

    Status file(const std::string& name, const Source* included_at);
    Status statements(Until until);
    Status dispatch(const Statement& statement);
    Status foreign(const Foreign& directive, const Statement& statement);
    Error unknown(const Statement& statement) const;

    const ParseOptions& options_;
    Context context_ = in_main;
    Lexer* lexer_ = nullptr;
    std::string file_name_;
    unsigned line_ = 0;
    unsigned includes_ = 0;
    std::set<std::string> seen_;  // directives of the open block
    std::set<std::string> noticed_;
    std::vector<Message> messages_;
    std::vector<DumpedFile> files_;
};

// The parts of the handlers that several files need.
Status read_listen(Parse& parse, const Statement& statement);
Status read_health_check(Parse& parse, const Statement& statement);
Status read_time(Parse& parse, const Statement& statement, std::optional<Milliseconds>& slot);
Result<bool> read_flag(const Parse& parse, const Statement& statement);
Status finish(Parse& parse, Proxy& proxy, bool http);  // at the end of http{} or stream{}
Result<Delivery> delivery_of(const Proxy& proxy, const ServerBlock& server,
                             const UpstreamEntry& entry);
Status check_delivery(const ServerBlock& server, const Upstream& upstream);
Status check_dataplane(Parse& parse);
void warn_of_shared_sources(Parse& parse);

}  // namespace weir::config
