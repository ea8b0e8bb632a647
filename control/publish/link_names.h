// SPDX-License-Identifier: Apache-2.0
// What the interfaces of the host link are called: weir0 and weir0d for the instance "weir", NAME0
// and NAME0d else.
#pragma once

#include <string>

namespace weir::publish {

struct LinkNames {
    std::string host;
    std::string dataplane;  // the veth pair's other end (XDP)
};

inline LinkNames link_names(const std::string& instance) {
    return {instance + "0", instance + "0d"};
}

}  // namespace weir::publish
