#include "host/json.hpp"

#include <fmt/format.h>

#include <charconv>

namespace wayout::host {

using nlohmann::json;

namespace {

/// Where the `wanted`-th element of the first array of a valid JSON text begins.
std::size_t element_offset(std::string_view text, std::size_t wanted) {
  std::size_t depth = 0, array_depth = 0, element = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i)
        if (text[i] == '\\') ++i;
    } else if (c == '[' || c == '{') {
      ++depth;
      if (array_depth == 0 && c == '[') {
        array_depth = depth;
      } else if (array_depth != 0 && depth == array_depth + 1 && element++ == wanted) {
        return i;
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return 0;
}

/// What iproute2 prints of names with odd characters, as JSON has it: it writes control characters
/// as they are, and `\'` for `'`.
std::string repaired(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      if (text[++i] != '\'') result += c;
      result += text[i];
    } else if (in_string && static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      if (c == '"') in_string = !in_string;
      result += c;
    }
  }
  return result;
}

Result<void> read_list(const json& list, const File& file,
                       const std::function<void(const JsonObject&)>& visit) {
  if (!list.is_array()) return file.error_at(0, "expected an array");
  JsonObject::Place place{file, 0, {}};
  for (const json& element : list) {
    if (!element.is_object()) return file.error_at(0, "expected an array of objects");
    if (!element.empty()) visit(JsonObject(element, place));
    if (place.error) return *place.error;
    ++place.element;
  }
  return {};
}

}  // namespace

Result<json> parse_json(const File& file) {
  if (file.text.find_first_not_of(" \t\r\n") == std::string::npos)
    return file.error_at(0, "is empty, which is no JSON");
  try {
    return json::parse(file.text);
  } catch (const json::parse_error& error) {
    json again = json::parse(repaired(file.text), nullptr, false);
    if (!again.is_discarded()) return again;
    const std::size_t offset = error.byte == 0 ? 0 : error.byte - 1;
    return file.error_at(offset,
                         offset >= file.text.size() ? "the JSON text ends too early" : "not JSON");
  } catch (const json::exception&) {  // a number too large for any type
    return file.error_at(0, "not JSON that can be held");
  }
}

Result<void> read_json_list(const File& file, const std::function<void(const JsonObject&)>& visit) {
  const Result<json> parsed = parse_json(file);
  if (!parsed) return parsed.error();
  return read_list(*parsed, file, visit);
}

Result<void> read_json_list(const File& file, const char* key,
                            const std::function<void(const JsonObject&)>& visit) {
  const Result<json> parsed = parse_json(file);
  if (!parsed) return parsed.error();
  if (!parsed.value().is_object() || !parsed.value().contains(key))
    return file.error_at(0, fmt::format("expected an object with \"{}\"", key));
  return read_list(parsed.value()[key], file, visit);
}

const json* JsonObject::find(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonObject::text(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  if (value->is_number_integer()) return value->dump();
  fail(fmt::format("\"{}\" should be a text", key));
  return {};
}

std::optional<std::int64_t> JsonObject::integer(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max())
    return static_cast<std::int64_t>(value->get<std::uint64_t>());
  if (value->is_number_integer() && !value->is_number_unsigned()) return value->get<std::int64_t>();
  if (value->is_string()) {
    std::string_view text = value->get_ref<const std::string&>();
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    std::int64_t result = 0;
    const auto [end, status] =
        std::from_chars(text.data(), text.data() + text.size(), result, hexadecimal ? 16 : 10);
    if (status == std::errc{} && end == text.data() + text.size()) return result;
  }
  fail(fmt::format("\"{}\" should be a number", key));
  return std::nullopt;
}

bool JsonObject::boolean(const char* key, bool absent) const {
  const json* value = find(key);
  if (value == nullptr) return absent;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_number_integer()) return *value != 0;
  if (*value == "on" || *value == "off") return *value == "on";
  fail(fmt::format("\"{}\" should be true or false", key));
  return absent;
}

std::vector<std::string> JsonObject::texts(const char* key) const {
  const json* value = find(key);
  std::vector<std::string> result;
  if (value == nullptr) return result;
  if (!value->is_array()) {
    fail(fmt::format("\"{}\" should be an array", key));
    return result;
  }
  for (const json& element : *value) {
    if (element.is_string()) {
      result.push_back(element.get<std::string>());
    } else {
      fail(fmt::format("\"{}\" should hold texts", key));
    }
  }
  return result;
}

std::vector<JsonObject> JsonObject::objects(const char* key) const {
  const json* value = find(key);
  std::vector<JsonObject> result;
  if (value == nullptr) return result;
  if (!value->is_array()) {
    fail(fmt::format("\"{}\" should be an array", key));
    return result;
  }
  for (const json& element : *value) {
    if (element.is_object()) {
      result.emplace_back(element, *place_);
    } else {
      fail(fmt::format("\"{}\" should hold objects", key));
    }
  }
  return result;
}

std::optional<JsonObject> JsonObject::object(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return JsonObject(*value, *place_);
  fail(fmt::format("\"{}\" should be an object", key));
  return std::nullopt;
}

void JsonObject::fail(std::string message) const {
  if (!place_->error)
    place_->error = place_->file.error_at(element_offset(place_->file.text, place_->element),
                                          std::move(message));
}

}  // namespace wayout::host
