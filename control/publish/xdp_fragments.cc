// SPDX-License-Identifier: Apache-2.0
// Asks the kernel by loading the shortest program there is. See xdp_fragments.h.
#include "control/publish/xdp_fragments.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>

namespace weir::publish {

bool kernel_has_xdp_fragments() {
    constexpr std::array<bpf_insn, 2> pass{{
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    }};
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.prog_flags = BPF_F_XDP_HAS_FRAGS;
    const int program =
        bpf_prog_load(BPF_PROG_TYPE_XDP, "weir_probe", "GPL", pass.data(), pass.size(), &options);
    if (program < 0) return false;
    close(program);
    return true;
}

}  // namespace weir::publish
