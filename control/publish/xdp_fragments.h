// SPDX-License-Identifier: Apache-2.0
// Whether XDP programs may see frames of several buffers (jumbo frames; kernel 5.18). The store
// asks before it loads the program; without it, an interface's MTU must fit one page.
#pragma once

namespace weir::publish {

bool kernel_has_xdp_fragments();

}  // namespace weir::publish
