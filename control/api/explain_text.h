// SPDX-License-Identifier: Apache-2.0
// The sentences of an explanation that need the directory's names only: which service was meant,
// how the backends of an upstream are. Called by explain.cc.
#pragma once

#include <string>

#include "control/publish/directory.h"

namespace weir::api {

const publish::ServiceInfo* find_service(const publish::Directory& directory, std::uint32_t id);
const publish::BackendInfo* find_backend(const publish::Directory& directory, std::uint16_t id);

// "10.0.0.11:8080 (app1:8080) is unhealthy: connect() failed ..."
std::string backend_text(const publish::BackendInfo& backend);

// Every backend of the upstream that gets no new flows, each with the reason; empty if none.
std::string unselectable_text(const publish::Directory& directory, const std::string& upstream);

// What a mode other than nat does to a packet.
std::string delivery_text(std::uint8_t mode);

// What is close to a destination that no service has.
std::string nearest_service_text(const publish::Directory& directory, const std::string& address,
                                 std::uint16_t port, std::string_view protocol);

}  // namespace weir::api
