// SPDX-License-Identifier: Apache-2.0
// What the error log says about backends that cannot be reached, generation by generation: each
// change once, with its reason, and which upstreams have nobody left. Where very many change at
// once, a few lines and a number. Application tells it of each generation; it reads the directory
// and changes nothing.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "control/publish/directory.h"

namespace weir::publish {

class BackendLog {
  public:
    // Logs what is different from the directory before.
    void note(const Directory& directory);

    // The next note() begins anew: it logs all that is not well (start, reload).
    void forget();

    // Says how many lines note() has left out since the last call, and allows it as many as ever.
    // Called every few seconds.
    void sum_up();

  private:
    void note_backends(const Directory& directory);
    void note_upstreams(const Directory& directory);
    bool may_say();

    std::set<std::string> unreachable_;  // backends
    std::set<std::string> dead_;         // upstreams
    std::size_t said_ = 0;
    std::size_t left_out_ = 0;
};

}  // namespace weir::publish
