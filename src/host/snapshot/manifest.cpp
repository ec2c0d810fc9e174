#include "host/snapshot/manifest.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <filesystem>
#include <optional>
#include <set>

#include "host/json.hpp"

namespace wayout::host::snapshot {

using nlohmann::json;

namespace {

/// `2026-01-31T12:00:00Z`; 0 for anything else.
std::int64_t unix_ms(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return end != nullptr && *end == '\0' ? static_cast<std::int64_t>(timegm(&parts)) * 1000 : 0;
}

/// One or more plain names: nothing outside the snapshot is meant.
bool is_below(const std::filesystem::path& folder) {
  if (folder.empty() || folder.is_absolute()) return false;
  for (const std::filesystem::path& part : folder)
    if (part == "..") return false;
  return true;
}

void read_container(const JsonObject& object, Manifest::Namespace& entry) {
  const auto take = [&](const char* key, std::string& field) {
    if (object.has(key)) field = object.text(key);
  };
  take("runtime", entry.runtime);
  take("id", entry.container_id);
  if (const auto pid = object.number<std::uint32_t>("pid")) entry.pid = *pid;
}

Manifest::Namespace read_namespace(const JsonObject& object) {
  Manifest::Namespace entry;
  entry.name = object.text("name");
  entry.folder = object.has("folder") ? object.text("folder") : entry.name;
  entry.aliases = object.texts("aliases");
  read_container(object, entry);
  if (const auto container = object.object("container")) {
    read_container(*container, entry);
    entry.container_name = container->text("name");
  }
  if (entry.name.empty()) object.fail("a namespace without \"name\"");
  if (!is_below(entry.folder)) object.fail("\"folder\" must be a folder of the snapshot");
  return entry;
}

}  // namespace

Result<Manifest> read_manifest(const File& file) {
  const Result<json> parsed = parse_json(file);
  if (!parsed) return parsed.error();
  if (!parsed.value().is_object()) return file.error_at(0, "expected an object");
  JsonObject::Place place{file, 0, {}};
  const JsonObject top(parsed.value(), place);
  if (top.number<int>("format").value_or(Manifest::format) > Manifest::format)
    return file.error_at(0, "was written by a newer wayout");

  Manifest manifest;
  manifest.kernel = top.text("kernel");
  manifest.time_ms = unix_ms(top.text("time"));
  std::set<std::string> names;
  for (const JsonObject& object : top.objects("namespaces")) {
    manifest.namespaces.push_back(read_namespace(object));
    if (!names.insert(manifest.namespaces.back().name).second)
      object.fail("two namespaces of one name");
    ++place.element;
  }
  if (place.error) return *place.error;
  if (manifest.namespaces.empty()) return file.error_at(0, "names no namespace");
  return manifest;
}

std::string print_manifest(const Manifest& manifest) {
  using json = nlohmann::ordered_json;
  json namespaces = json::array();
  for (const Manifest::Namespace& entry : manifest.namespaces) {
    json object = {{"name", entry.name}, {"folder", entry.folder}};
    if (entry.pid != 0) object["pid"] = entry.pid;
    if (!entry.aliases.empty()) object["aliases"] = entry.aliases;
    if (!entry.runtime.empty())
      object["container"] = {
          {"runtime", entry.runtime}, {"id", entry.container_id}, {"name", entry.container_name}};
    namespaces.push_back(std::move(object));
  }
  const std::time_t seconds = manifest.time_ms / 1000;
  const json top = {{"format", Manifest::format},
                    {"kernel", manifest.kernel},
                    {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
                    {"namespaces", std::move(namespaces)}};
  return top.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace wayout::host::snapshot
