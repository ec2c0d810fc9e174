#include "netfilter/text/names.hpp"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

struct Numbered {
  std::string_view name;
  std::uint16_t number;
};

// clang-format off: tables read better in lines than in columns

/// The first name of a number is the one that is printed, as /etc/protocols of Debian has it. `ip`
/// and `all` are 0, which is never printed.
constexpr Numbered protocols[] = {
    {"ip", 0},        {"hopopt", 0},       {"icmp", 1},        {"igmp", 2},
    {"ggp", 3},       {"ipencap", 4},      {"st", 5},          {"tcp", 6},
    {"egp", 8},       {"igp", 9},          {"pup", 12},        {"udp", 17},
    {"hmp", 20},      {"xns-idp", 22},     {"rdp", 27},        {"iso-tp4", 29},
    {"dccp", 33},     {"xtp", 36},         {"ddp", 37},        {"idpr-cmtp", 38},
    {"ipv6", 41},     {"ipv6-route", 43},  {"ipv6-frag", 44},  {"idrp", 45},
    {"rsvp", 46},     {"gre", 47},         {"esp", 50},        {"ah", 51},
    {"skip", 57},     {"ipv6-icmp", 58},   {"ipv6-nonxt", 59}, {"ipv6-opts", 60},
    {"rspf", 73},     {"vmtp", 81},        {"eigrp", 88},      {"ospf", 89},
    {"ax.25", 93},    {"ipip", 94},        {"etherip", 97},    {"encap", 98},
    {"pim", 103},     {"ipcomp", 108},     {"vrrp", 112},      {"l2tp", 115},
    {"isis", 124},    {"sctp", 132},       {"fc", 133},        {"mobility-header", 135},
    {"udplite", 136}, {"mpls-in-ip", 137}, {"manet", 138},     {"hip", 139},
    {"shim6", 140},   {"wesp", 141},       {"rohc", 142},      {"ethernet", 143},
    {"all", 0},       {"icmpv6", 58},      {"ipv6-mh", 135},   {"mh", 135},
    {"ipv4", 4},
};

/// Well-known services; sorted by name.
constexpr Numbered services[] = {
    {"amqp", 5672},
    {"amqps", 5671},
    {"auth", 113},
    {"bacula-dir", 9101},
    {"bacula-fd", 9102},
    {"bacula-sd", 9103},
    {"bgp", 179},
    {"bootpc", 68},
    {"bootps", 67},
    {"cvspserver", 2401},
    {"dhcpv6-client", 546},
    {"dhcpv6-server", 547},
    {"domain", 53},
    {"domain-s", 853},
    {"epmap", 135},
    {"epmd", 4369},
    {"exec", 512},
    {"finger", 79},
    {"ftp", 21},
    {"ftp-data", 20},
    {"ftps", 990},
    {"ftps-data", 989},
    {"gdomap", 538},
    {"git", 9418},
    {"gnunet", 2086},
    {"gopher", 70},
    {"http", 80},
    {"http-alt", 8080},
    {"https", 443},
    {"iax", 4569},
    {"imap", 143},
    {"imap2", 143},
    {"imaps", 993},
    {"ipp", 631},
    {"ipsec-nat-t", 4500},
    {"irc", 194},
    {"ircd", 6667},
    {"ircs-u", 6697},
    {"isakmp", 500},
    {"kerberos", 88},
    {"kerberos-adm", 749},
    {"klogin", 543},
    {"kpasswd", 464},
    {"kshell", 544},
    {"l2f", 1701},
    {"l2tp", 1701},
    {"ldap", 389},
    {"ldaps", 636},
    {"ldp", 646},
    {"login", 513},
    {"lotusnote", 1352},
    {"mdns", 5353},
    {"microsoft-ds", 445},
    {"ms-sql-m", 1434},
    {"ms-sql-s", 1433},
    {"ms-wbt-server", 3389},
    {"mysql", 3306},
    {"netbios-dgm", 138},
    {"netbios-ns", 137},
    {"netbios-ssn", 139},
    {"nfs", 2049},
    {"nntp", 119},
    {"nntps", 563},
    {"nqs", 607},
    {"ntalk", 518},
    {"ntp", 123},
    {"nut", 3493},
    {"openvpn", 1194},
    {"pop3", 110},
    {"pop3s", 995},
    {"postgresql", 5432},
    {"printer", 515},
    {"proofd", 1093},
    {"qmqp", 628},
    {"radius", 1812},
    {"radius-acct", 1813},
    {"rdp", 3389},
    {"rmiregistry", 1099},
    {"route", 520},
    {"router", 520},
    {"rsync", 873},
    {"rtsp", 554},
    {"shell", 514},
    {"sip", 5060},
    {"sip-tls", 5061},
    {"smtp", 25},
    {"smtps", 465},
    {"snmp", 161},
    {"snmp-trap", 162},
    {"snmptrap", 162},
    {"socks", 1080},
    {"ssh", 22},
    {"ssmtp", 465},
    {"submission", 587},
    {"submissions", 465},
    {"sunrpc", 111},
    {"svrloc", 427},
    {"syslog", 514},
    {"tacacs", 49},
    {"talk", 517},
    {"telnet", 23},
    {"telnets", 992},
    {"tftp", 69},
    {"time", 37},
    {"urd", 465},
    {"uucp", 540},
    {"webcache", 8080},
    {"who", 513},
    {"whois", 43},
    {"www", 80},
    {"x11", 6000},
    {"xdmcp", 177},
    {"xmpp-client", 5222},
    {"xmpp-server", 5269},
    {"zabbix-agent", 10050},
    {"zabbix-trapper", 10051},
};

constexpr IcmpName icmp_types[] = {
    {"any", 255, 0, 255},
    {"echo-reply", 0, 0, 255},
    {"pong", 0, 0, 255},
    {"destination-unreachable", 3, 0, 255},
    {"network-unreachable", 3, 0, 0},
    {"host-unreachable", 3, 1, 1},
    {"protocol-unreachable", 3, 2, 2},
    {"port-unreachable", 3, 3, 3},
    {"fragmentation-needed", 3, 4, 4},
    {"source-route-failed", 3, 5, 5},
    {"network-unknown", 3, 6, 6},
    {"host-unknown", 3, 7, 7},
    {"network-prohibited", 3, 9, 9},
    {"host-prohibited", 3, 10, 10},
    {"TOS-network-unreachable", 3, 11, 11},
    {"TOS-host-unreachable", 3, 12, 12},
    {"communication-prohibited", 3, 13, 13},
    {"host-precedence-violation", 3, 14, 14},
    {"precedence-cutoff", 3, 15, 15},
    {"source-quench", 4, 0, 255},
    {"redirect", 5, 0, 255},
    {"network-redirect", 5, 0, 0},
    {"host-redirect", 5, 1, 1},
    {"TOS-network-redirect", 5, 2, 2},
    {"TOS-host-redirect", 5, 3, 3},
    {"echo-request", 8, 0, 255},
    {"ping", 8, 0, 255},
    {"router-advertisement", 9, 0, 255},
    {"router-solicitation", 10, 0, 255},
    {"time-exceeded", 11, 0, 255},
    {"ttl-exceeded", 11, 0, 255},
    {"ttl-zero-during-transit", 11, 0, 0},
    {"ttl-zero-during-reassembly", 11, 1, 1},
    {"parameter-problem", 12, 0, 255},
    {"ip-header-bad", 12, 0, 0},
    {"required-option-missing", 12, 1, 1},
    {"timestamp-request", 13, 0, 255},
    {"timestamp-reply", 14, 0, 255},
    {"address-mask-request", 17, 0, 255},
    {"address-mask-reply", 18, 0, 255},
};

constexpr IcmpName icmp6_types[] = {
    {"destination-unreachable", 1, 0, 255},
    {"no-route", 1, 0, 0},
    {"communication-prohibited", 1, 1, 1},
    {"beyond-scope", 1, 2, 2},
    {"address-unreachable", 1, 3, 3},
    {"port-unreachable", 1, 4, 4},
    {"failed-policy", 1, 5, 5},
    {"reject-route", 1, 6, 6},
    {"packet-too-big", 2, 0, 255},
    {"time-exceeded", 3, 0, 255},
    {"ttl-exceeded", 3, 0, 255},
    {"ttl-zero-during-transit", 3, 0, 0},
    {"ttl-zero-during-reassembly", 3, 1, 1},
    {"parameter-problem", 4, 0, 255},
    {"bad-header", 4, 0, 0},
    {"unknown-header-type", 4, 1, 1},
    {"unknown-option", 4, 2, 2},
    {"echo-request", 128, 0, 255},
    {"ping", 128, 0, 255},
    {"echo-reply", 129, 0, 255},
    {"pong", 129, 0, 255},
    {"router-solicitation", 133, 0, 255},
    {"router-advertisement", 134, 0, 255},
    {"neighbour-solicitation", 135, 0, 255},
    {"neighbor-solicitation", 135, 0, 255},
    {"neighbour-advertisement", 136, 0, 255},
    {"neighbor-advertisement", 136, 0, 255},
    {"redirect", 137, 0, 255},
};

// clang-format on

/// The names of <syslog.h>, as `--log-level` knows them.
constexpr Numbered log_levels[] = {
    {"alert", 1}, {"crit", 2},   {"debug", 7}, {"emerg", 0},   {"error", 3},
    {"info", 6},  {"notice", 5}, {"panic", 0}, {"warning", 4},
};

template <std::size_t N>
std::optional<std::uint16_t> number_of(const Numbered (&table)[N], std::string_view name) {
  const auto at = std::find_if(std::begin(table), std::end(table),
                               [name](const Numbered& row) { return row.name == name; });
  if (at == std::end(table)) return std::nullopt;
  return at->number;
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  if (const auto number = parse_number(text, 255)) return static_cast<std::uint8_t>(*number);
  // `IPv4` in capitals is an EtherType of ebtables; `ipv4` is Red Hat's name of IP in IP.
  if (text == "IPv4") return std::nullopt;
  const auto number = number_of(protocols, lower(text));
  if (!number) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

std::string protocol_text(std::uint8_t protocol) {
  const auto* at = std::find_if(std::begin(protocols), std::end(protocols),
                                [protocol](const Numbered& row) { return row.number == protocol; });
  return at != std::end(protocols) ? std::string(at->name) : std::to_string(protocol);
}

std::optional<std::uint16_t> service_port(const std::string& name) {
  const auto* at = std::lower_bound(
      std::begin(services), std::end(services), name,
      [](const Numbered& row, const std::string& wanted) { return row.name < wanted; });
  if (at != std::end(services) && at->name == name) return at->number;

  servent entry{};
  servent* found = nullptr;
  std::array<char, 1024> room{};
  if (getservbyname_r(name.c_str(), nullptr, &entry, room.data(), room.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return ntohs(static_cast<std::uint16_t>(found->s_port));
}

std::span<const IcmpName> icmp_names() {
  return icmp_types;
}

std::span<const IcmpName> icmp6_names() {
  return icmp6_types;
}

std::optional<std::uint8_t> log_level(std::string_view name) {
  const auto level = number_of(log_levels, name);
  if (!level) return std::nullopt;
  return static_cast<std::uint8_t>(*level);
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) { return lower(c); });
  return lowered;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && begins_ignoring_case(a, b);
}

bool begins_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace wayout::netfilter::text
