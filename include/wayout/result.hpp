// What reading the outside gives: a value, or where and why it could not be read.
//
// Not here: how a packet ends (packet/stop.hpp). A packet that is dropped is no error.
#pragma once

#include <cassert>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace wayout {

/// Why an input could not be read, and at which place of it.
struct Error {
  std::string file;        ///< the input's name as the user gave it; empty: no file
  std::size_t line = 0;    ///< from 1; 0: not known
  std::size_t column = 0;  ///< from 1, in bytes; 0: not known
  std::string message;     ///< one line, no full stop

  /// `rules.v4:17:5: unknown match "foo"`, leaving out what is not known.
  [[nodiscard]] std::string text() const {
    std::string place = file;
    if (line != 0) place += (place.empty() ? "line " : ":") + std::to_string(line);
    if (line != 0 && column != 0) place += ":" + std::to_string(column);
    return place.empty() ? message : place + ": " + message;
  }
};

/// A value read from outside, or the Error that prevented it.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return assert(ok()), *std::get_if<0>(&held_); }
  const T& value() const& { return assert(ok()), *std::get_if<0>(&held_); }
  T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&held_)); }
  [[nodiscard]] const Error& error() const { return assert(!ok()), *std::get_if<1>(&held_); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> held_;
};

/// The outcome of an action that yields nothing: ok, or the Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return assert(!ok()), *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace wayout
