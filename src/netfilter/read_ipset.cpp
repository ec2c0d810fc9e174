#include "netfilter/read_ipset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "netfilter/text/lines.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/values.hpp"
#include "netfilter/text/words.hpp"

namespace wayout::netfilter {
namespace {

using text::cut;
using text::Word;

std::optional<SetPart> part_named(std::string_view name) {
  constexpr std::pair<std::string_view, SetPart> names[] = {
      {"ip", SetPart::ip},          {"net", SetPart::net},   {"port", SetPart::port},
      {"mac", SetPart::mac},        {"mark", SetPart::mark}, {"set", SetPart::set},
      {"iface", SetPart::interface}};
  for (const auto& [known, part] : names) {
    if (known == name) return part;
  }
  return std::nullopt;
}

/// `tcp:80`, `udp:53-60`, `80`, `icmp:8/0`, `icmp:echo-request`, `gre:0`
bool read_port(std::string_view text, SetElement& element) {
  constexpr std::uint8_t tcp = 6;
  element.protocol = tcp;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const auto protocol = text::parse_protocol(cut(text, ':'));
    if (!protocol) return false;
    element.protocol = *protocol;
  }
  const bool v6 = element.protocol == 58;
  if (element.protocol == 1 || v6) {
    for (const text::IcmpName& name : v6 ? text::icmp6_names() : text::icmp_names()) {
      if (name.name != text) continue;
      element.port_low = element.port_high =
          static_cast<std::uint16_t>(name.type << 8 | name.code_low);
      return true;
    }
    const auto type = text::parse_number(cut(text, '/'), 255);
    const auto code = text::parse_number(text, 255);
    if (!type || !code) return false;
    element.port_low = element.port_high = static_cast<std::uint16_t>(*type << 8 | *code);
    return true;
  }
  const bool is_range = text.find('-') != std::string_view::npos;
  const auto low = text::parse_port(cut(text, '-'));
  const auto high = is_range ? text::parse_port(text) : low;
  if (!low || !high) return false;
  element.port_low = *low;
  element.port_high = *high;
  return true;
}

bool read_address(std::string_view text, const IpSet& set, SetElement& element) {
  const bool second = element.first.address.is_set();
  std::string_view rest = text;
  if (!second && text.find('-') != std::string_view::npos) {
    const auto low = text::parse_address(cut(rest, '-'), set.family);
    const auto high = text::parse_address(rest, set.family);
    if (!low || !high) return false;
    element.first = wire::Prefix::host(*low);
    element.range_end = *high;
    return true;
  }
  const auto prefix = text::parse_prefix(text, set.family);
  if (!prefix) return false;
  wire::Prefix& place = second ? element.second : element.first;
  place = prefix->masked();
  if (set.mask.is_set()) place.address = text::apply_mask(place.address, set.mask);
  return true;
}

bool read_part(SetPart part, std::string_view text, const IpSet& set, SetElement& element) {
  switch (part) {
    case SetPart::ip:
    case SetPart::net:
      return read_address(text, set, element);
    case SetPart::port:
      return read_port(text, element);
    case SetPart::mac:
      element.mac = text::parse_mac(text);
      return element.mac.has_value();
    case SetPart::interface:
      element.physdev = text.starts_with("physdev:");
      element.interface = element.physdev ? text.substr(8) : text;
      return !element.interface.empty();
    case SetPart::mark: {
      const auto mark = text::parse_number(text, 0xffffffff);
      element.mark = static_cast<std::uint32_t>(mark.value_or(0));
      return mark.has_value();
    }
    case SetPart::set:
      element.set = text;
      return !text.empty();
  }
  return false;
}

/// The parts of an element are separated by commas, in the order of the set's dimensions.
bool read_parts(std::string_view text, const IpSet& set, SetElement& element) {
  for (std::size_t i = 0; i < set.parts.size(); ++i) {
    const bool missing_mac = text.empty() && i > 0 && set.parts[i] == SetPart::mac;
    if (missing_mac) break;  // bitmap:ip,mac: learned from the first packet
    if (!read_part(set.parts[i], cut(text, ','), set, element)) return false;
  }
  return text.empty();
}

class IpsetReader {
 public:
  explicit IpsetReader(const std::string& file) : file_(file) { sets_.known = true; }

  Result<IpSets> read(std::string_view text) {
    text::Lines lines(text);
    while (lines.next() && !problem_.found()) {
      if (lines.line().starts_with("add ")) lines.join_quoted();
      line_ = lines.number();
      text::split_words(lines.line(), 1, words_);
      if (!words_.empty() && !words_[0].text.starts_with('#')) read_line();
    }
    if (problem_.found()) return text::error_at(file_, line_, problem_);
    for (IpSet& set : sets_.list)
      set.index();
    sets_.link();
    return std::move(sets_);
  }

 private:
  void read_line() {
    const std::string& first = words_[0].text;
    if (first == "create" && words_.size() >= 3) {
      begin_set(words_[1].text);
      read_type(words_[2].text);
      read_header(3);
    } else if (first == "add" && words_.size() >= 3) {
      const auto at = names_.find(words_[1].text);
      if (at == names_.end()) return fail(1, fmt::format("no set \"{}\"", words_[1].text));
      add(sets_.list[at->second], 2);
    } else if (first == "Name:" && words_.size() == 2) {
      begin_set(words_[1].text);
      in_members_ = false;
    } else if (sets_.list.empty()) {
      fail(0, "neither ipset save nor ipset list");
    } else if (first == "Type:" && words_.size() == 2) {
      read_type(words_[1].text);
    } else if (first == "Header:") {
      read_header(1);
    } else if (first == "Members:") {
      in_members_ = true;
    } else if (in_members_) {
      add(sets_.list.back(), 0);
    } else if (!first.ends_with(':') && first != "Size" && first != "Number") {
      fail(0, "neither ipset save nor ipset list");
    }
  }

  void begin_set(const std::string& name) {
    if (!names_.emplace(name, sets_.list.size()).second)
      return fail(1, "this set is there already");
    sets_.list.emplace_back().name = name;
  }

  void read_type(const std::string& type) {
    IpSet& set = sets_.list.back();
    set.type = type;
    std::string_view rest = type;
    const std::string_view storage = cut(rest, ':');
    set.unmodelled = storage != "hash" && storage != "bitmap" && storage != "list";
    while (!rest.empty() && !set.unmodelled) {
      const auto part = part_named(cut(rest, ','));
      if (part) set.parts.push_back(*part);
      set.unmodelled = !part || set.parts.size() > 3;
    }
    if (!set.has(SetPart::ip) && !set.has(SetPart::net)) set.family = wire::Family::none;
  }

  /// `family inet hashsize 1024 netmask 24 range 10.0.0.0-10.0.0.255 …`: what matters is taken.
  void read_header(std::size_t from) {
    IpSet& set = sets_.list.back();
    for (std::size_t i = from; i + 1 < words_.size(); ++i) {
      const std::string& value = words_[i + 1].text;
      if (words_[i].text == "family") {
        if (value == "inet6" && set.family != wire::Family::none) set.family = wire::Family::ipv6;
      } else if (words_[i].text == "netmask") {
        const auto length = text::parse_number(value, wire::address_bits(set.family));
        if (!length) return fail(i + 1, "no netmask");
        set.mask = text::mask_of(static_cast<std::uint8_t>(*length), set.family);
      } else if (words_[i].text == "bitmask") {
        const auto mask = text::parse_address(value, set.family);
        if (!mask) return fail(i + 1, "no bitmask");
        set.mask = *mask;
      } else if (words_[i].text == "markmask") {
        set.mark_mask =
            static_cast<std::uint32_t>(text::parse_number(value, 0xffffffff).value_or(0xffffffff));
      } else if (words_[i].text == "range") {
        if (!read_range(value, set)) return fail(i + 1, "no range");
      } else if (words_[i].text == "maxelem") {
        set.most_elements =
            static_cast<std::uint32_t>(text::parse_number(value, 0xffffffff).value_or(0xffffffff));
      } else if (words_[i].text == "timeout") {
        set.timeout_s = static_cast<std::uint32_t>(text::parse_number(value, 0xffffffff).value_or(0));
      }
    }
  }

  /// `10.0.0.0/24,tcp:80 timeout 20 nomatch comment "…"`
  void add(IpSet& set, std::size_t from) {
    if (set.unmodelled) return;
    SetElement element;
    for (std::size_t i = from + 1; i < words_.size(); ++i) {
      const std::string& option = words_[i].text;
      if (option == "comment") break;
      element.nomatch = element.nomatch || option == "nomatch";
      element.wildcard = element.wildcard || option == "wildcard";
      if (i + 1 < words_.size()) read_value(option, words_[i + 1].text, element);
    }
    if (!read_parts(words_[from].text, set, element)) {
      return fail(from, fmt::format("\"{}\" is no element of a {}", words_[from].text, set.type));
    }
    set.elements.push_back(std::move(element));
  }

  /// `timeout 20`, where 0 is for ever; `skbmark 0x12/0xff`.
  static void read_value(std::string_view option, std::string_view value, SetElement& element) {
    constexpr std::int64_t ms_per_s = 1000;
    if (option == "timeout") {
      const auto seconds = text::parse_number(value, 0xffffffff);
      if (seconds && *seconds != 0)
        element.expires_ms = static_cast<std::int64_t>(*seconds) * ms_per_s;
    } else if (option == "skbmark") {
      const bool masked = value.find('/') != std::string_view::npos;
      const auto mark = text::parse_number(cut(value, '/'), 0xffffffff);
      const auto mask = masked ? text::parse_number(value, 0xffffffff) : 0xffffffff;
      if (!mark || !mask) return;
      element.map_mark = static_cast<std::uint32_t>(*mark);
      element.map_mark_mask = static_cast<std::uint32_t>(*mask);
    }
  }

  /// The last address of a network.
  static wire::IpAddress last_of(const wire::Prefix& prefix) {
    const std::uint64_t all = 0xffffffff;
    const auto hosts = static_cast<std::uint32_t>(all >> prefix.length);
    return wire::IpAddress::v4(prefix.address.v4() | hosts);
  }

  /// `10.0.0.0-10.0.0.255` of addresses, which who writes the line may give as `10.0.0.0/24`;
  /// `0-1000` of ports.
  static bool read_range(std::string_view text, IpSet& set) {
    if (text.find('/') != std::string_view::npos) {
      const auto prefix = text::parse_prefix(text, wire::Family::ipv4);  // bitmaps have no other
      if (!prefix) return false;
      set.addresses = std::pair(prefix->masked().address, last_of(prefix->masked()));
      return true;
    }
    const std::string_view first = cut(text, '-');
    if (set.parts == std::vector{SetPart::port}) {
      const auto low = text::parse_port(first), high = text::parse_port(text);
      if (!low || !high) return false;
      set.ports = {*low, *high};
      return true;
    }
    const auto low = text::parse_address(first, set.family);
    const auto high = text::parse_address(text, set.family);
    if (!low || !high) return false;
    set.addresses = std::pair(*low, *high);
    return true;
  }

  void fail(std::size_t word, std::string message) {
    problem_.report(words_[word].column, std::move(message));
  }

  const std::string& file_;
  IpSets sets_;
  std::unordered_map<std::string, std::size_t> names_;
  std::vector<Word> words_;
  text::Problem problem_;
  std::uint32_t line_ = 0;
  bool in_members_ = false;
};

}  // namespace

Result<IpSets> read_ipset(std::string_view text, const std::string& file) {
  return IpsetReader(file).read(text);
}

}  // namespace wayout::netfilter
