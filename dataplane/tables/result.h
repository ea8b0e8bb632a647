// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error whose sentence a user can act on. Control returns
// errors this way, and so does what it shares with the dataplane; nothing in it throws across a
// module's border.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace weir {

struct Error {
    std::string message;  // one sentence, no trailing newline; what happened and what to do
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& operator*() & { return std::get<0>(state_); }
    const T& operator*() const& { return std::get<0>(state_); }
    T&& operator*() && { return std::get<0>(std::move(state_)); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }

    const std::string& error() const { return std::get<1>(state_).message; }

  private:
    std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
inline Status success() {
    return std::monostate{};
}

}  // namespace weir
