// SPDX-License-Identifier: Apache-2.0
// The vocabulary: which word is a directive, where it may stand, how many arguments it takes, and
// whether weir honours it, ignores it with a notice, or refuses it with the reason. Called by Parse
// for every statement. The handlers live in parse_*.cc; this file must never act on a directive
// itself.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control/config/lexer.h"
#include "dataplane/tables/result.h"

namespace weir::config {

class Parse;

// One bit each, so that a directive can name all the blocks it may stand in.
enum Context : unsigned {
    in_main = 1,
    in_events = 2,
    in_http = 4,
    in_http_upstream = 8,
    in_http_server = 16,
    in_http_location = 32,
    in_stream = 64,
    in_stream_upstream = 128,
    in_stream_server = 256,
    in_dataplane = 512,
};

inline constexpr unsigned in_any_http = in_http | in_http_server | in_http_location;
inline constexpr unsigned in_any_stream = in_stream | in_stream_server;
inline constexpr unsigned in_any_upstream = in_http_upstream | in_stream_upstream;

using Handler = Status (*)(Parse&, const Statement&);

struct Directive {
    std::string_view name;
    unsigned contexts;
    unsigned least, most;  // arguments
    bool block;
    Handler handler;
};

inline constexpr unsigned any_number = 1000;

// A directive of nginx that weir does not honour.
struct Foreign {
    enum class Treatment { ignored, refused, not_yet };
    Treatment treatment;
    unsigned contexts;
    bool block;
    std::string_view reason;  // ignored: why that is harmless; refused: why, and what to do instead
    std::string_view names;   // separated by spaces
};

std::span<const Directive> core_directives();
std::span<const Directive> dataplane_directives();
std::span<const Directive> upstream_directives();
std::span<const Directive> delivery_directives();
std::span<const Directive> stream_directives();
std::span<const Directive> http_directives();
std::span<const Foreign> foreign_directives();

struct Lookup {
    const Directive* honoured = nullptr;  // of this context
    const Foreign* foreign = nullptr;     // of this context
    bool known_elsewhere = false;
};

Lookup look_up(std::string_view name, Context context);

// The directive of this context nearest to a misspelt name, or nothing when none is near.
std::string_view nearest(std::string_view name, Context context);

}  // namespace weir::config
