// SPDX-License-Identifier: Apache-2.0
// A worker's thread: polls until told to stop, and rests as Idle says. main.cc starts one on each
// lcore. Nothing about a packet is decided here.
#pragma once

#include <atomic>

#include "dataplane/idle.h"
#include "dataplane/wakeup.h"
#include "dataplane/worker.h"

namespace weir {

void run(Worker& worker, Idle idle, Wakeup& wakeup, const std::atomic<bool>& stopping);

}  // namespace weir
