#include "host/find.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "host/escape.hpp"

namespace wayout::host {

namespace {

bool is_called(const Host& host, std::string_view who) {
  return host.name == who || std::ranges::find(host.aliases, who) != host.aliases.end();
}

/// Of one of its containers; aliases hold the ids of all of them.
bool has_id_beginning(const Host& host, std::string_view who) {
  constexpr std::size_t id_digits = 64;
  if (who.size() < 4 || who.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return false;
  return host.container_id.starts_with(who) ||
         std::ranges::any_of(host.aliases, [&](const std::string& alias) {
           return alias.size() == id_digits && alias.starts_with(who);
         });
}

bool has_pid(const Host& host, std::string_view who) {
  if (who.starts_with("pid:")) who.remove_prefix(4);
  std::uint32_t pid = 0;
  const auto [end, status] = std::from_chars(who.data(), who.data() + who.size(), pid);
  return status == std::errc{} && end == who.data() + who.size() && pid != 0 && host.pid == pid;
}

/// `docker:web` → `web`, for a namespace whose runtime is docker.
bool is_called_with_kind(const Host& host, std::string_view who) {
  const std::size_t colon = who.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view kind = who.substr(0, colon), name = who.substr(colon + 1);
  const bool fits = kind == "netns" ? host.runtime.empty() : kind == host.runtime;
  return fits && (is_called(host, name) || has_id_beginning(host, name));
}

}  // namespace

Result<std::uint32_t> find_namespace(const Machine& machine, std::string_view who) {
  // The first way of naming that anything answers to counts.
  for (const auto fits : {is_called, is_called_with_kind, has_id_beginning, has_pid}) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
      if (fits(machine.hosts[i], who)) found.push_back(i);
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      std::vector<std::string> names;
      for (const std::uint32_t i : found)
        names.push_back(escaped(machine.hosts[i].name));
      return Error{"", 0, 0,
                   fmt::format("\"{}\" may be any of: {}", escaped(who), fmt::join(names, ", "))};
    }
  }
  return Error{"", 0, 0,
               fmt::format("there is no namespace, container or process \"{}\"", escaped(who))};
}

}  // namespace wayout::host
