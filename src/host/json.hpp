// Reading the JSON listings of ip, bridge, tc and nft: arrays of objects, field by field.
//
// A field of the wrong type, or one the reader refuses, is remembered as the first error of the
// file; reading goes on with defaults and the error is what comes back. Errors carry the line and
// column at which the element begins.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/file.hpp"

namespace wayout::host {

/// One object of a listing.
class JsonObject {
 public:
  /// The first error of the file, and the element being read.
  struct Place {
    const File& file;
    std::size_t element = 0;
    std::optional<Error> error;
  };
  JsonObject(const nlohmann::json& object, Place& place) : object_(&object), place_(&place) {}

  /// The key is there; ip prints flags as `"onlink": null`.
  [[nodiscard]] bool has(const char* key) const { return object_->contains(key); }
  /// A string, or a number as its text; "" when absent or null.
  [[nodiscard]] std::string text(const char* key) const;
  /// A number, or a string that is one (`0x10` too); nothing when absent or null.
  template <class T>
  [[nodiscard]] std::optional<T> number(const char* key) const {
    const std::optional<std::int64_t> value = integer(key);
    if (!value) return std::nullopt;
    if (*value < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
        *value > static_cast<std::int64_t>(std::numeric_limits<T>::max())) {
      fail(std::string("\"") + key + "\" is out of range");
      return std::nullopt;
    }
    return static_cast<T>(*value);
  }
  /// true, false, 1, 0, "on", "off"; `absent` when the key is not there.
  [[nodiscard]] bool boolean(const char* key, bool absent) const;
  /// Strings of an array; empty when absent.
  [[nodiscard]] std::vector<std::string> texts(const char* key) const;
  /// Objects of an array; empty when absent.
  [[nodiscard]] std::vector<JsonObject> objects(const char* key) const;
  /// An object; nothing when absent.
  [[nodiscard]] std::optional<JsonObject> object(const char* key) const;
  /// A text that `parse` must accept; `absent` when the key is not there.
  template <class T, class Parse>
  [[nodiscard]] T parsed(const char* key, Parse parse, T absent) const {
    if (!has(key)) return absent;
    const std::string value = text(key);
    if (const auto result = parse(value)) return *result;
    fail(fmt::format("\"{}\" cannot be \"{}\"", key, value));
    return absent;
  }

  void fail(std::string message) const;
  [[nodiscard]] const nlohmann::json& raw() const { return *object_; }

 private:
  [[nodiscard]] std::optional<std::int64_t> integer(const char* key) const;
  [[nodiscard]] const nlohmann::json* find(const char* key) const;  ///< null when absent or null

  const nlohmann::json* object_;
  Place* place_;
};

/// The whole file. Fails at the place where it is no JSON, or ends too early.
[[nodiscard]] Result<nlohmann::json> parse_json(const File& file);

/// Visits every object of the file's array, `{}` excepted (older ip prints those in place of what
/// it filtered out). Returns the first error.
[[nodiscard]] Result<void> read_json_list(const File& file,
                                          const std::function<void(const JsonObject&)>& visit);
/// The same for the array `key` of the file's object, as nft prints.
[[nodiscard]] Result<void> read_json_list(const File& file, const char* key,
                                          const std::function<void(const JsonObject&)>& visit);

}  // namespace wayout::host
