#include "host/tc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "host/json.hpp"
#include "wire/headers.hpp"

namespace wayout::host {

namespace {

using Direction = FilterPlace::Direction;

template <std::size_t size>
bool is_one_of(std::string_view word, const std::array<std::string_view, size>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// They lose packets only when more come than the device can send.
constexpr std::array<std::string_view, 26> ordinary_qdiscs = {
    "noqueue", "noop",     "mq",    "mqprio", "pfifo", "bfifo", "pfifo_fast", "pfifo_head_drop",
    "fq",      "fq_codel", "codel", "sfq",    "cake",  "red",   "sfb",        "choke",
    "pie",     "fq_pie",   "htb",   "hfsc",   "drr",   "qfq",   "prio",       "tbf",
    "ets",     "multiq"};
constexpr std::array<std::string_view, 10> qdiscs_with_classes = {
    "htb", "hfsc", "drr", "qfq", "prio", "ets", "multiq", "cbq", "atm", "dsmark"};

void add(Host& host, DeviceId device, Direction direction, std::string text) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::tc_filter;
  found.text = std::move(text);
  found.device = device;
  found.ingress = direction == Direction::ingress;
  found.egress = !found.ingress;
  host.unmodelled.push_back(std::move(found));
}

/// `filter protocol all pref 49152 bpf chain 0 …` → `bpf, pref 49152`
std::optional<std::string> filter_name(std::string_view line) {
  if (!line.starts_with("filter ")) return std::nullopt;
  const std::size_t pref = line.find(" pref ");
  if (pref == std::string_view::npos) return "unknown kind";
  line.remove_prefix(pref + 6);
  const std::size_t number_end = line.find(' ');
  const std::string_view number = line.substr(0, number_end);
  if (number_end == std::string_view::npos) return fmt::format("pref {}", number);
  line.remove_prefix(number_end + 1);
  return fmt::format("{}, pref {}", line.substr(0, line.find(' ')), number);
}

bool has_action(std::string_view line) {
  return line.find("action order") != std::string_view::npos ||
         line.find("direct-action") != std::string_view::npos;
}

/// `# tc filter show dev eth0 ingress`
std::optional<FilterPlace> place_named(std::string_view line, const DeviceBook& book) {
  constexpr std::string_view begin = "# tc filter show dev ";
  if (!line.starts_with(begin)) return std::nullopt;
  line.remove_prefix(begin.size());
  const std::size_t blank = line.find(' ');
  FilterPlace place;
  place.device = book.find(line.substr(0, blank));
  const std::string_view direction =
      blank == std::string_view::npos ? "root" : line.substr(blank + 1);
  for (const Direction known : {Direction::ingress, Direction::egress, Direction::root})
    if (direction == direction_name(known)) place.direction = known;
  return place;
}

}  // namespace

const char* direction_name(FilterPlace::Direction direction) {
  switch (direction) {
    case Direction::ingress:
      return "ingress";
    case Direction::egress:
      return "egress";
    case Direction::root:
      break;
  }
  return "root";
}

Result<std::vector<Qdisc>> read_qdiscs_json(const File& file, const DeviceBook& book) {
  std::vector<Qdisc> qdiscs;
  const Result<void> read = read_json_list(file, [&](const JsonObject& object) {
    const DeviceId device = book.find(object.text("dev"));
    if (device == no_device) return;
    Qdisc qdisc{device, object.text("kind")};
    if (const auto options = object.object("options"))
      qdisc.longest_bytes = longest_frame(qdisc.kind, options->number<std::uint32_t>("limit"),
                                          options->number<std::uint32_t>("burst"));
    qdiscs.push_back(std::move(qdisc));
  });
  if (!read) return read.error();
  return qdiscs;
}

std::optional<std::uint64_t> longest_frame(std::string_view kind,
                                           std::optional<std::uint32_t> limit,
                                           std::optional<std::uint32_t> burst) {
  if (kind == "pfifo" && limit == 0U) return 0;
  if (kind == "bfifo" && limit) return *limit;
  if (kind != "tbf" || (!limit && !burst)) return std::nullopt;
  constexpr std::uint32_t any = std::numeric_limits<std::uint32_t>::max();
  return std::min(limit.value_or(any), burst.value_or(any));
}

void add_unmodelled_qdiscs(const std::vector<Qdisc>& qdiscs, Host& host) {
  for (const Qdisc& qdisc : qdiscs) {
    if (qdisc.kind == "clsact" || qdisc.kind == "ingress") continue;
    const link::Device& device = host.devices[qdisc.device];
    const std::string name = fmt::format("tc qdisc {} on {}", qdisc.kind, device.name);
    if (!is_one_of(qdisc.kind, ordinary_qdiscs))
      add(host, qdisc.device, Direction::egress, name);
    else if (qdisc.longest_bytes &&
             *qdisc.longest_bytes < device.mtu_bytes + sizeof(wire::EthernetHeader))
      add(host, qdisc.device, Direction::egress,
          fmt::format("{}, which loses frames of more than {} bytes", name, *qdisc.longest_bytes));
  }
}

std::vector<FilterPlace> filter_places(const std::vector<Qdisc>& qdiscs) {
  std::vector<FilterPlace> places;
  const auto offer = [&](DeviceId device, Direction direction) {
    const FilterPlace place{device, direction};
    if (std::ranges::find(places, place) == places.end()) places.push_back(place);
  };
  for (const Qdisc& qdisc : qdiscs) {
    if (qdisc.kind == "clsact" || qdisc.kind == "ingress") offer(qdisc.device, Direction::ingress);
    if (qdisc.kind == "clsact") offer(qdisc.device, Direction::egress);
    if (is_one_of(qdisc.kind, qdiscs_with_classes)) offer(qdisc.device, Direction::root);
  }
  return places;
}

void add_tc_filters(const FilterPlace& place, std::string_view listing, Host& host) {
  // A filter is a heading line and lines of its own; several lines may repeat the heading.
  std::vector<std::pair<std::string, bool>> filters;  // name, has an action
  for_each_line(listing, [&](std::string_view line, std::size_t) {
    if (const auto name = filter_name(line))
      if (filters.empty() || filters.back().first != *name) filters.emplace_back(*name, false);
    if (!filters.empty() && has_action(line)) filters.back().second = true;
    return true;
  });
  for (const auto& [name, acts] : filters) {
    if (place.direction == Direction::root && !acts) continue;
    add(host, place.device, place.direction,
        fmt::format("tc filter on {} {} ({})", host.devices[place.device].name,
                    direction_name(place.direction), name));
  }
}

void add_unknown_tc_filters(const FilterPlace& place, Host& host) {
  add(host, place.device, place.direction,
      fmt::format("tc filters on {} {}, which were not read", host.devices[place.device].name,
                  direction_name(place.direction)));
}

Result<void> read_tc_filters(const File& file, const std::vector<FilterPlace>& expected, Host& host,
                             const DeviceBook& book) {
  std::vector<std::pair<FilterPlace, std::string>> listings;
  std::optional<Error> error;
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    if (const auto place = place_named(line, book)) {
      listings.emplace_back(*place, "");
    } else if (!listings.empty()) {
      listings.back().second.append(line).append("\n");
    } else if (!line.empty()) {
      error = Error{file.name, number, 1, "expected \"# tc filter show dev DEVICE DIRECTION\""};
    }
    return !error.has_value();
  });
  if (error) return *error;
  for (const auto& [place, listing] : listings)
    if (place.device != no_device) add_tc_filters(place, listing, host);
  for (const FilterPlace& place : expected) {
    const bool listed =
        std::ranges::any_of(listings, [&](const auto& l) { return l.first == place; });
    if (!listed) add_unknown_tc_filters(place, host);
  }
  return {};
}

}  // namespace wayout::host
