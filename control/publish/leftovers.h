// SPDX-License-Identifier: Apache-2.0
// What a killed weir of this instance has left behind with the other engine, removed at the start
// of this one: the instance's lock says that no weir runs. Its flows end with it, and the log says
// so. What the same engine has left is taken over instead (dpdk_engine.h, xdp_engine.h).
#pragma once

#include <string>

namespace weir::publish {

// DPDK's own folder of the instance.
void remove_dpdk_folder(const std::string& instance);

// The dataplane process, should it still run, its steering programs and its segment.
void remove_dpdk_leftovers(const std::string& instance);

// The XDP programs with their pinned maps, and the host link.
void remove_xdp_leftovers(const std::string& instance);

}  // namespace weir::publish
