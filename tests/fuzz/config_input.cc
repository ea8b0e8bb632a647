// SPDX-License-Identifier: Apache-2.0
// See config_input.h.
#include "tests/fuzz/config_input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "control/config/parser.h"

namespace weir::config {
namespace {

void promise(bool kept, const char* what) {
    if (kept) return;
    std::fprintf(stderr, "config fuzzer: %s\n", what);
    std::abort();
}

// The text as a file that exists in memory only.
class MemoryFile {
  public:
    explicit MemoryFile(const std::string& text) : descriptor_(::memfd_create("weir-fuzz", 0)) {
        promise(descriptor_ >= 0, "memfd_create failed");
        promise(::write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                "write failed");
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

void check(const Parsed& parsed) {
    const Model& model = parsed.model;
    for (const Upstream& upstream : model.upstreams) {
        promise(!upstream.servers.empty(), "an upstream without servers was accepted");
        promise(!upstream.key.empty(), "an upstream without a key");
        const bool any_port = keeps_destination(upstream.delivery.forward);
        for (const Server& server : upstream.servers)
            promise(server.weight >= 1 && (server.port != 0 || any_port),
                    "a server without weight or port");
        promise(!upstream.stateless || (any_port && upstream.method == Method::maglev),
                "a stateless upstream that needs state");
    }
    for (const Service& service : model.services)
        promise(service.upstream < model.upstreams.size() && service.port != 0 &&
                    service.last_port >= service.port,
                "a service without upstream or port");
}

}  // namespace

void parse_input(const std::string& text) {
    // An include of a mutated path could read any file of the machine, endless devices too.
    if (text.find("include") != std::string::npos) return;
    const MemoryFile file(text);
    ParseOptions options;
    options.file = file.path();
    options.resolve = false;
    auto parsed = parse(options);
    if (parsed)
        check(*parsed);
    else
        promise(!parsed.error().empty(), "an error without text");
}

}  // namespace weir::config
