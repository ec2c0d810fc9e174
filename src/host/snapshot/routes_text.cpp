#include "host/snapshot/routes_text.hpp"

#include <optional>
#include <string>
#include <utility>

#include "host/names.hpp"
#include "host/words.hpp"

namespace wayout::host::snapshot {

namespace {

/// `via 10.0.0.1` or `via inet6 fe80::1`; the second is an IPv4 route all the same.
void read_via(Words& words, RouteList::Entry& entry, route::Nexthop& nexthop) {
  const bool other_family = words.take("inet6");
  if (!other_family) words.take("inet");
  nexthop.gateway = words.parsed("via", wire::IpAddress::parse);
  if (nexthop.gateway.family() == wire::Family::ipv6 && !other_family) entry.is_ipv6 = true;
}

/// The words that a single next hop and one of several have in common; false: not one of them.
bool read_hop_word(std::string_view word, Words& words, RouteList::Entry& entry,
                   RouteList::Entry::Hop& hop) {
  if (word == "via") {
    read_via(words, entry, hop.nexthop);
  } else if (word == "dev") {
    hop.device = words.value(word);
  } else if (word == "weight") {
    hop.nexthop.weight = words.number_after<std::uint32_t>(word);
  } else if (word == "onlink") {
    hop.nexthop.onlink = true;
  } else if (word == "dead") {
    hop.nexthop.dead = true;
  } else if (word == "linkdown") {
    hop.nexthop.linkdown = true;
  } else if (word == "encap") {
    hop.nexthop.encap = true;
  } else {
    return false;
  }
  return true;
}

void read_route_word(std::string_view word, Words& words, RouteList::Entry& entry) {
  route::Route& route = entry.route;
  if (word == "table") entry.table = words.value(word);
  if (word == "proto") route.protocol = words.parsed(word, route_protocol);
  if (word == "metric") route.metric = words.number_after<std::uint32_t>(word);
  if (word == "src") route.preferred_source = words.parsed(word, wire::IpAddress::parse);
  if (word == "tos") route.tos = words.parsed(word, tos);
  if (word == "nhid") route.nexthop_id = words.number_after<std::uint32_t>(word);
  if (word == "pref") entry.is_ipv6 = true;
  if (word == "scope") {
    route.scope = words.parsed(word, scope);
    entry.scope_given = true;
  }
  if (word == "hoplimit") route.hop_limit = words.number_after<std::uint8_t>(word);
  if (word == "mtu") {
    route.mtu_locked = words.take("lock");
    route.mtu_bytes = words.number_after<std::uint32_t>(word);
  }
}

RouteList::Entry read_route(Words& words) {
  RouteList::Entry entry;
  entry.route.protocol = 3;  // boot, which ip leaves out
  if (const auto type = route_type(words.peek())) {
    entry.route.type = *type;
    words.next();
  }
  entry.route.destination = words.parsed("the line's begin", route_prefix);
  RouteList::Entry::Hop hop;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (!read_hop_word(word, words, entry, hop)) read_route_word(word, words, entry);
  }
  if (!entry.route.destination.address.is_v4()) entry.is_ipv6 = true;
  // Only IPv6 gives an error route a device.
  if (entry.route.type == RouteType::unreachable && !hop.device.empty()) entry.is_ipv6 = true;
  if (!hop.device.empty() || hop.nexthop.gateway.is_set()) entry.hops.push_back(hop);
  return entry;
}

/// `Destination Gateway Genmask Flags Metric Ref Use Iface`; netstat has no metric.
void read_route_n_line(Words& words, bool has_metric, RouteList& routes) {
  RouteList::Entry entry;
  RouteList::Entry::Hop hop;
  const auto destination = words.parsed("the line's begin", wire::IpAddress::parse);
  const std::string_view gateway = words.value("the destination");
  const std::string mask(words.value("the gateway"));
  const auto prefix = wire::Prefix::parse(destination.text() + "/" + mask);
  if (!prefix) return words.fail("expected a netmask");
  entry.route.destination = *prefix;
  entry.route.protocol = 3;
  const std::string_view flags = words.value("the netmask");
  const auto metric = words.number_after<std::uint32_t>("the flags");
  if (has_metric) entry.route.metric = metric;
  words.value("the metric");
  words.value("the references");
  hop.device = words.value("the use");
  const bool by_gateway = flags.find('G') != std::string_view::npos;
  if (by_gateway) {
    const auto address = wire::IpAddress::parse(gateway);
    if (!address) return words.fail("a route by a gateway that is no address");
    hop.nexthop.gateway = *address;
  }
  entry.scope_given = true;
  entry.route.scope = by_gateway ? route::Scope::universe : route::Scope::link;
  if (flags.find('!') != std::string_view::npos) {
    entry.route.type = RouteType::unreachable;
  } else {
    entry.hops.push_back(hop);
  }
  if (!words.error()) routes.add(std::move(entry));
}

Result<void> read_route_n(const File& file, RouteList& routes) {
  bool has_metric = false;
  return read_lines(file, [&](Words& words) {
    if (words.peek() == "Kernel") return;
    if (words.peek() == "Destination") {
      has_metric = words.line().find("Metric") != std::string_view::npos;
      return;
    }
    read_route_n_line(words, has_metric, routes);
  });
}

void read_range(Words& words, std::string_view word, std::uint16_t& low, std::uint16_t& high) {
  const std::string_view range = words.value(word);
  const std::size_t dash = range.find('-');
  const auto first = number<std::uint16_t>(range.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : number<std::uint16_t>(range.substr(dash + 1));
  if (!first || !last) return words.fail("expected a port or a range of ports");
  low = *first;
  high = *last;
}

void read_mark(Words& words, route::Rule& rule) {
  const std::string_view mark = words.value("fwmark");
  const std::size_t slash = mark.find('/');
  const auto value = number<std::uint32_t>(mark.substr(0, slash));
  const auto mask = slash == std::string_view::npos ? std::optional<std::uint32_t>(0xffffffff)
                                                    : number<std::uint32_t>(mark.substr(slash + 1));
  if (!value || !mask) return words.fail("expected a mark, or mark/mask");
  rule.fwmark = *value;
  rule.fwmask = *mask;
}

void read_uid_range(Words& words, route::Rule& rule) {
  const std::string_view range = words.value("uidrange");
  const std::size_t dash = range.find('-');
  const auto low = number<std::uint32_t>(range.substr(0, dash));
  const auto high =
      number<std::uint32_t>(range.substr(dash == std::string_view::npos ? 0 : dash + 1));
  if (!low || !high) return words.fail("expected a range of user ids");
  rule.uid_range = {*low, *high};
}

/// A selector; false: the word is none.
bool read_selector(std::string_view word, Words& words, route::Rule& rule) {
  if (word == "not") {
    rule.invert = true;
  } else if (word == "from" || word == "to") {
    wire::Prefix& selector = word == "from" ? rule.from : rule.to;
    if (!words.take("all")) selector = words.parsed(word, wire::Prefix::parse);
  } else if (word == "iif") {
    rule.iif = words.value(word);
    words.take("[detached]");
  } else if (word == "oif") {
    rule.oif = words.value(word);
    words.take("[detached]");
  } else if (word == "tos" || word == "dsfield") {
    rule.tos = words.parsed(word, tos);
  } else if (word == "fwmark") {
    read_mark(words, rule);
  } else if (word == "uidrange") {
    read_uid_range(words, rule);
  } else if (word == "ipproto") {
    rule.ip_protocol = words.parsed(word, ip_protocol);
  } else if (word == "sport") {
    read_range(words, word, rule.sport_low, rule.sport_high);
  } else if (word == "dport") {
    read_range(words, word, rule.dport_low, rule.dport_high);
  } else if (word == "tun_id") {
    rule.tunnel_id = words.number_after<std::uint64_t>(word);
  } else {
    return false;
  }
  return true;
}

/// What the rule does; a word that is not known makes it one that is not modelled.
void read_action(std::string_view word, Words& words, route::Rule& rule, TableBook& tables) {
  if (word == "lookup" || word == "table") {
    rule.l3mdev = words.peek() == "[l3mdev-table]";
    const std::string_view table = words.value(word);
    if (!rule.l3mdev) rule.table = tables.number(table);
  } else if (word == "goto") {
    rule.action = route::RuleAction::goto_;
    if (!words.take("none")) rule.goto_preference = words.number_after<std::uint32_t>(word);
  } else if (word == "nop") {
    rule.action = route::RuleAction::nop;
  } else if (word == "blackhole") {
    rule.action = route::RuleAction::blackhole;
  } else if (word == "unreachable") {
    rule.action = route::RuleAction::unreachable;
  } else if (word == "prohibit") {
    rule.action = route::RuleAction::prohibit;
  } else if (word == "suppress_prefixlength") {
    rule.suppress_prefix_length = words.number_after<std::int32_t>(word);
  } else if (word == "suppress_ifgroup") {
    read_suppress_ifgroup(words.value(word), rule);
  } else if (word == "proto" || word == "protocol" || word == "realms") {
    words.value(word);
  } else if (word != "[unresolved]") {
    rule.unmodelled = true;
  }
}

}  // namespace

Result<void> read_routes_text(const File& file, RouteList& routes) {
  if (file.text.find("Genmask") != std::string::npos) return read_route_n(file, routes);
  std::optional<RouteList::Entry> current;
  const Result<void> read = read_lines(file, [&](Words& words) {
    if (words.take("nh_info") || words.take("cache")) return;
    if (!words.take("nexthop")) {
      if (current) routes.add(std::move(*current));
      current = read_route(words);
      return;
    }
    if (!current) return words.fail("a next hop before the first route");
    RouteList::Entry::Hop hop;
    while (!words.done())
      read_hop_word(words.next(), words, *current, hop);
    current->hops.push_back(hop);
  });
  if (read && current) routes.add(std::move(*current));
  return read;
}

Result<void> read_rules_text(const File& file, Host& host, TableBook& tables) {
  return read_lines(file, [&](Words& words) {
    route::Rule rule;
    std::string_view preference = words.next();
    if (preference.ends_with(':')) preference.remove_suffix(1);
    const auto value = number<std::uint32_t>(preference);
    if (!value) return words.fail("expected a line like \"32766: from all lookup main\"");
    rule.preference = *value;
    while (!words.done()) {
      const std::string_view word = words.next();
      if (!read_selector(word, words, rule)) read_action(word, words, rule, tables);
    }
    host.fib.rules.push_back(std::move(rule));
  });
}

}  // namespace wayout::host::snapshot
