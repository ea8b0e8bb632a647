// SPDX-License-Identifier: Apache-2.0
// What a block says about the way to its servers, as it stands in the file: `forward`,
// `proxy_bind`, `mss_clamp`, `proxy_session_drop`, `quic_cid`. The handlers (parse_delivery.cc)
// write it; delivery.cc joins the words of upstream{}, server{} and the block around them to one
// Delivery.
#pragma once

#include <optional>

#include "control/config/model.h"

namespace weir::config {

struct ForwardWords {
    Forward forward = Forward::nat;
    std::optional<std::uint16_t> tunnel_port;
    std::optional<bool> checksum;
    Source source;
};

struct BindWords {
    std::optional<IpAddress> address;  // none and not transparent: `off`
    bool transparent = false;
    Source source;
};

struct MssWords {
    bool clamp = true;
    std::uint16_t mss = 0;
};

struct DeliveryWords {
    std::optional<ForwardWords> forward;
    std::optional<BindWords> bind;
    std::optional<MssWords> mss;
    std::optional<bool> session_drop;
};

struct QuicWords {
    QuicCid cid;
    Source source;
};

}  // namespace weir::config
