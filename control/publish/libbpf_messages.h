// SPDX-License-Identifier: Apache-2.0
// What libbpf says while it works, kept for the sentence that reports a failure instead of going to
// stderr. One object at a time, on the main thread.
#pragma once

#include <string>

namespace weir::publish {

class LibbpfMessages {
  public:
    LibbpfMessages();   // starts to listen
    ~LibbpfMessages();  // libbpf is silent again
    LibbpfMessages(const LibbpfMessages&) = delete;
    LibbpfMessages& operator=(const LibbpfMessages&) = delete;

    // All warnings so far on one line, joined by "; ".
    std::string text() const;
};

}  // namespace weir::publish
