// SPDX-License-Identifier: Apache-2.0
// The upstreams of http{} or stream{} while they are read: those with a block, and those that a
// proxy_pass straight to an address makes. A proxy_pass may name an upstream that comes later in
// the file, so an entry can be referred to before it is declared. Used by the handlers only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/config/delivery.h"
#include "control/config/model.h"
#include "control/config/url.h"
#include "dataplane/tables/result.h"

namespace weir::config {

class Parse;

struct UpstreamEntry {
    Upstream upstream;
    bool declared = false;  // has an upstream{} block
    bool method_given = false;
    bool warned_passive = false;
    std::optional<ForwardWords> forward;
    std::optional<Source> stateless;
    Url url;  // of the proxy_pass that referred to it first
};

struct Upstreams {
    std::vector<UpstreamEntry> entries;  // in order of first mention, as nginx initialises them

    // For upstream{}; for proxy_pass. The result is an index into entries.
    Result<std::size_t> declare(const Parse& parse, const std::string& name);
    Result<std::size_t> refer(const Parse& parse, const Url& url);

    // At the end of http{} or stream{}: gives each implicit upstream its server.
    Status complete(const Parse& parse);
};

// A host of a `server` or proxy_pass as addresses; the error is nginx's word alone.
Result<std::vector<IpAddress>> addresses_of(const Parse& parse, const Url& url);

}  // namespace weir::config
