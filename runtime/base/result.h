// Result<T>: a value or an Error. g++ 12 has no std::expected; this is the part of it
// that the runtime uses, under a name that lets it be replaced.
//
//   Result<Object> object = Object::open(bytes);
//   if (!object) return object.take_error();
//   use(*object);
#pragma once

#include <cassert>
#include <utility>
#include <variant>

#include "base/error.h"

namespace ebl {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok().
  T& operator*() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& operator*() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& operator*() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  /// REQUIRES: !ok().
  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error take_error() {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }

  /// REQUIRES: !ok().
  const Error& error() const {
    assert(!ok_);
    return error_;
  }
  Error take_error() {
    assert(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace ebl
