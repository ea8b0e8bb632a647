// SPDX-License-Identifier: Apache-2.0
#include "control/publish/libbpf_messages.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace weir::publish {
namespace {

std::string heard;

int listen(enum libbpf_print_level level, const char* format, va_list args) {
    constexpr std::string_view prefix = "libbpf: ";
    constexpr std::size_t enough = 2000;  // a verifier log may be megabytes
    char line[512];

    if (level != LIBBPF_WARN || heard.size() > enough) return 0;
    vsnprintf(line, sizeof(line), format, args);
    std::string_view message = line;
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
    while (message.ends_with('\n')) message.remove_suffix(1);
    if (!heard.empty()) heard += "; ";
    for (const char c : message) heard += c == '\n' ? ' ' : c;
    return 0;
}

}  // namespace

LibbpfMessages::LibbpfMessages() {
    heard.clear();
    libbpf_set_print(listen);
}

LibbpfMessages::~LibbpfMessages() {
    libbpf_set_print(nullptr);
}

std::string LibbpfMessages::text() const {
    return heard;
}

}  // namespace weir::publish
