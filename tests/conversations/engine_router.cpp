#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "conntrack/listing.hpp"
#include "conntrack/table.hpp"
#include "conversation.hpp"
#include "nat/map.hpp"
#include "nat/translate.hpp"
#include "packet/trace.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::conversation {
namespace {

constexpr DeviceId in0 = 1, out0 = 2;
/// A listing is taken a little after the packet: 30 s are then 29 and something.
constexpr std::int64_t listing_delay_ms = 50;

/// The few forms of rules that conversations use.
struct Rule {
  bool prerouting = false;
  std::string device, target;
  std::optional<std::uint8_t> protocol;
  nat::Range range;
  std::optional<std::uint16_t> zone_original, zone_reply;
};

[[noreturn]] void give_up(std::string_view what, std::string_view text) {
  std::fprintf(stderr, "not a %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(text.size()), text.data());
  std::abort();
}

std::uint16_t to_port(const std::string& text) {
  return static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 10));
}

/// `P`, `P-Q` or `P-Q/BASE`
void read_ports(const std::string& text, nat::Range& range) {
  range.ports_specified = true;
  range.min_port = range.max_port = to_port(text);
  if (const auto dash = text.find('-'); dash != std::string::npos)
    range.max_port = to_port(text.substr(dash + 1));
  if (const auto slash = text.find('/'); slash != std::string::npos) {
    range.port_offset = true;
    range.base_port = to_port(text.substr(slash + 1));
  }
}

/// `A`, `A-B`, `A:PORTS`
void read_addresses(const std::string& text, nat::Range& range) {
  const auto colon = text.find(':');
  if (colon != std::string::npos) read_ports(text.substr(colon + 1), range);
  const std::string addresses = text.substr(0, colon);
  const auto dash = addresses.find('-');
  range.map_addresses = true;
  range.min_address = *wire::IpAddress::parse(addresses.substr(0, dash));
  range.max_address = dash == std::string::npos
                          ? range.min_address
                          : *wire::IpAddress::parse(addresses.substr(dash + 1));
}

void read_network(const std::string& text, nat::Range& range) {
  const wire::Prefix prefix = *wire::Prefix::parse(text);
  range.min_address = prefix.masked().address;
  range.max_address = wire::IpAddress::v4(range.min_address.v4() | (0xffffffffU >> prefix.length));
}

Rule read_rule(std::string_view text) {
  Rule rule;
  std::istringstream stream{std::string(text)};
  std::string word, value;
  while (stream >> word) {
    if (word == "--random")
      rule.range.random = true;
    else if (word == "--random-fully")
      rule.range.random_fully = true;
    else if (word == "--persistent")
      rule.range.persistent = true;
    else if (!(stream >> value))
      give_up("rule", text);
    else if (word == "-A")
      rule.prerouting = value == "PREROUTING";
    else if (word == "-i" || word == "-o")
      rule.device = value;
    else if (word == "-p")
      rule.protocol = value == "tcp" ? 6 : value == "udp" ? 17 : 1;
    else if (word == "-j")
      rule.target = value;
    else if (word == "--to-ports")
      read_ports(value, rule.range);
    else if (word == "--to-source" || word == "--to-destination")
      read_addresses(value, rule.range);
    else if (word == "--to")
      read_network(value, rule.range);
    else if (word == "--zone")
      rule.zone_original = rule.zone_reply = to_port(value);
    else if (word == "--zone-orig")
      rule.zone_original = to_port(value);
    else if (word == "--zone-reply")
      rule.zone_reply = to_port(value);
    else if (word != "-t")
      give_up("rule", text);
  }
  return rule;
}

const char* state_of(const Packet& packet) {
  switch (packet.ctinfo) {
    case CtInfo::new_connection:
      return "NEW";
    case CtInfo::established:
    case CtInfo::established_reply:
      return "ESTABLISHED";
    case CtInfo::related:
    case CtInfo::related_reply:
      return "RELATED";
    case CtInfo::untracked:
      return "UNTRACKED";
    default:
      return "INVALID";
  }
}

class EngineRouter : public Router {
 public:
  explicit EngineRouter(std::uint64_t seed) : chance_(seed) {
    const auto add = [&](std::uint8_t net, std::uint32_t order) {
      route::Interface interface;
      interface.up = true;
      interface.order = order;
      interface.addresses.push_back({.local = wire::IpAddress::v4(10, 0, net, 1),
                                     .peer = wire::IpAddress::v4(10, 0, net, 1),
                                     .prefix_length = 24});
      interfaces_.list.push_back(interface);
    };
    add(1, 1);
    add(2, 2);
  }

  void set(std::string_view assignment) override {
    const auto equals = assignment.find('=');
    const std::string_view key = assignment.substr(0, equals);
    const auto value = static_cast<std::uint32_t>(
        std::strtoul(std::string(assignment.substr(equals + 1)).c_str(), nullptr, 10));
    if (key == "nf_conntrack_checksum")
      config_.checksum = value != 0;
    else if (key == "nf_conntrack_tcp_loose")
      config_.tcp_loose = value != 0;
    else if (key == "nf_conntrack_tcp_be_liberal")
      config_.tcp_be_liberal = value != 0;
    else if (key == "nf_conntrack_tcp_ignore_invalid_rst")
      config_.tcp_ignore_invalid_rst = value != 0;
    else if (key == "nf_conntrack_acct")
      config_.accounting = value != 0;
    else
      give_up("known setting", assignment);
  }

  void rule(std::string_view arguments) override { rules_.push_back(read_rule(arguments)); }
  void wait_ms(int milliseconds) override { now_ms_ += milliseconds; }
  void age_s(int seconds) override {
    table_.expire(now_ms_);
    std::vector<ConnectionId> all;
    table_.for_each([&](ConnectionId id, const conntrack::Connection&) { all.push_back(id); });
    for (const ConnectionId id : all)
      table_[id].expires_ms = now_ms_ + seconds * 1000LL;
  }

  Answer packet(bool from_client, const std::vector<std::uint8_t>& ip) override {
    const conntrack::Statistics before = table_.statistics;
    Packet packet = Packet::from_ip(ip);
    packet.device = packet.ingress = from_client ? in0 : out0;
    Answer answer;
    if (forward(packet, answer.state)) {
      answer.packet.assign(packet.network().begin(), packet.network().end());
    } else {
      answer.state.clear();
    }
    table_.collect();
    table_.expire(now_ms_);
    table_.for_each([&](ConnectionId, const conntrack::Connection& connection) {
      answer.entries.push_back(print_connection(connection, conntrack::ListingFormat::plain,
                                                now_ms_ + listing_delay_ms));
    });
    sort_entries(answer.entries);
    count(before, answer);
    return answer;
  }

 private:
  bool forward(Packet& packet, std::string& state) {
    for (const Rule& rule : rules_) {
      if (rule.target != "CT" || !applies(rule, packet, packet.device)) continue;
      packet.has_template_zone = true;
      packet.zone_original = rule.zone_original.value_or(0);
      packet.zone_reply = rule.zone_reply.value_or(0);
    }
    if (table_.track(packet, Hook::prerouting, config_, now_ms_, chance_, trace_)) return false;
    if (!map(packet, Hook::prerouting, packet.device)) return false;
    const auto destination = header(packet).destination_address();
    const auto inside = wire::Prefix{wire::IpAddress::v4(10, 0, 1, 0), 24};
    for (const route::Interface& interface : interfaces_.list) {
      for (const auto& address : interface.addresses) {
        if (address.local == destination) return false;  // INPUT drops everything
      }
    }
    const DeviceId egress = inside.contains(destination) ? in0 : out0;
    state = state_of(packet);
    mark(packet);
    if (!map(packet, Hook::postrouting, egress)) return false;
    return !table_.confirm(packet, now_ms_);
  }

  static wire::Ipv4Header& header(Packet& packet) {
    return *wire::header_at<wire::Ipv4Header>(packet.network());
  }

  static bool applies(const Rule& rule, Packet& packet, DeviceId device) {
    const std::string name = device == in0 ? "in0" : "out0";
    return (rule.device.empty() || rule.device == name) &&
           (!rule.protocol || *rule.protocol == header(packet).protocol);
  }

  /// What the nat table does at a hook; without a NAT rule there is none.
  bool map(Packet& packet, Hook hook, DeviceId device) {
    const bool any = std::any_of(rules_.begin(), rules_.end(),
                                 [](const Rule& rule) { return rule.target != "CT"; });
    if (!any || packet.connection == no_connection) return true;
    const nat::Manip manip = nat::manip_of(hook);
    if (packet.ctinfo == CtInfo::new_connection &&
        !nat::is_mapped(table_[packet.connection], manip)) {
      for (const Rule& rule : rules_) {
        if (rule.target == "CT" || rule.prerouting != (hook == Hook::prerouting) ||
            !applies(rule, packet, device))
          continue;
        nat::setup(table_, packet.connection, range_for(rule, packet, hook, device), manip,
                   RuleRef{}, chance_, now_ms_);
        if (rule.target == "MASQUERADE") table_[packet.connection].masquerade_device = device;
        break;
      }
      nat::null_binding(table_, packet.connection, manip, chance_, now_ms_);
    }
    return !nat::translate(packet, hook, device, table_, trace_);
  }

  nat::Range range_for(const Rule& rule, Packet& packet, Hook hook, DeviceId device) {
    const auto destination = header(packet).destination_address();
    if (rule.target == "MASQUERADE") {
      const bool on_link = wire::Prefix{wire::IpAddress::v4(10, 0, 2, 0), 24}.contains(destination);
      return nat::masquerade_range(rule.range, interfaces_, device,
                                   on_link ? destination : wire::IpAddress::v4(10, 0, 2, 254));
    }
    if (rule.target == "REDIRECT")
      return nat::redirect_range(rule.range, hook, interfaces_, device);
    if (rule.target == "NETMAP")
      return nat::netmap_range(
          rule.range, hook == Hook::prerouting ? destination : header(packet).source_address());
    return rule.range;
  }

  /// What forwarding and the rules that tell the state do to the header.
  static void mark(Packet& packet) {
    constexpr std::array<std::string_view, 5> states{"INVALID", "NEW", "ESTABLISHED", "RELATED",
                                                     "UNTRACKED"};
    wire::Ipv4Header& ip = header(packet);
    const auto state = std::find(states.begin(), states.end(), state_of(packet)) - states.begin();
    ip.tos = static_cast<std::uint8_t>((state + 1) << 2);
    --ip.ttl;
    ip.checksum = wire::ipv4_header_checksum(packet.network().first(ip.header_bytes()));
  }

  void count(const conntrack::Statistics& before, Answer& answer) const {
    const auto rise = [&](const char* name, std::uint64_t conntrack::Statistics::*field) {
      if (table_.statistics.*field != before.*field)
        answer.counted[name] = table_.statistics.*field - before.*field;
    };
    rise("found", &conntrack::Statistics::found);
    rise("invalid", &conntrack::Statistics::invalid);
    rise("insert_failed", &conntrack::Statistics::insert_failed);
    rise("drop", &conntrack::Statistics::drop);
    rise("error", &conntrack::Statistics::error);
    rise("clash_resolve", &conntrack::Statistics::clash_resolve);
  }

  conntrack::Table table_;
  conntrack::Config config_{.enabled = true};
  route::Interfaces interfaces_;
  std::vector<Rule> rules_;
  Chance chance_;
  NoTrace trace_;
  std::int64_t now_ms_ = 1'000'000;
};

}  // namespace

std::unique_ptr<Router> engine_router(std::uint64_t seed) {
  return std::make_unique<EngineRouter>(seed);
}

}  // namespace wayout::conversation
