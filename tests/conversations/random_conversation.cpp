#include "random_conversation.hpp"

#include <fmt/format.h>

#include "wire/headers.hpp"

namespace wayout::conversation {
namespace {

namespace protocol = wire::protocol;

const std::vector<std::vector<std::string>> nat_rules{
    {},
    {"-t nat -A POSTROUTING -o out0 -j MASQUERADE"},
    {"-t nat -A POSTROUTING -o out0 -p tcp -j MASQUERADE --to-ports 4000"},
    {"-t nat -A POSTROUTING -o out0 -p udp -j MASQUERADE --to-ports 4000"},
    {"-t nat -A POSTROUTING -o out0 -p icmp -j MASQUERADE --to-ports 5"},
    {"-t nat -A POSTROUTING -o out0 -j SNAT --to-source 198.51.100.10-198.51.100.19"},
    {"-t nat -A POSTROUTING -o out0 -j SNAT --to-source 198.51.100.10-198.51.101.250 --persistent"},
    {"-t nat -A POSTROUTING -o out0 -j NETMAP --to 198.51.100.0/24"},
    {"-t nat -A PREROUTING -i in0 -p tcp -j DNAT --to-destination 10.0.2.2-10.0.2.9"},
    {"-t nat -A PREROUTING -i in0 -p udp -j DNAT --to-destination 10.0.2.5:8000-8063"},
    {"-t nat -A PREROUTING -i in0 -p udp -j DNAT --to-destination 10.0.2.5:8000-8063/60"},
    {"-t nat -A PREROUTING -i in0 -p tcp -j DNAT --to-destination 10.0.2.5:8080",
     "-t nat -A POSTROUTING -o out0 -j MASQUERADE"},
    {"-t raw -A PREROUTING -i in0 -p tcp -j CT --zone-orig 7",
     "-t raw -A PREROUTING -i in0 -p udp -j CT --zone 8"},
};

}  // namespace

std::vector<std::string> RandomConversation::opening() {
  std::vector<std::string> steps{"set nf_conntrack_acct=1"};
  const auto setting = [&](const char* name, int value) {
    steps.push_back(fmt::format("set nf_conntrack_{}={}", name, value));
  };
  if (one_in(6)) setting("tcp_be_liberal", 1);
  if (one_in(6)) setting("tcp_loose", 0);
  if (one_in(6)) setting("tcp_ignore_invalid_rst", 1);
  for (const std::string& rule : nat_rules[below(static_cast<unsigned>(nat_rules.size()))]) {
    steps.push_back("rule " + rule);
    zones_ |= rule.find("--zone") != std::string::npos;
  }
  return steps;
}

RandomConversation::Flow& RandomConversation::begin_flow() {
  constexpr std::uint8_t by_number[] = {
      protocol::tcp,  protocol::tcp, protocol::tcp, protocol::tcp,  protocol::udp, protocol::udp,
      protocol::icmp, protocol::gre, protocol::esp, protocol::sctp, protocol::sctp};
  Flow flow;
  const auto host = static_cast<std::uint8_t>(2 + below(4));
  flow.asked.protocol = by_number[below(std::size(by_number))];
  flow.asked.source = wire::IpAddress::v4(10, 0, 1, host);
  flow.asked.destination = any_of({wire::IpAddress::v4(8, 8, 8, 8), wire::IpAddress::v4(9, 9, 9, 9),
                                   wire::IpAddress::v4(10, 0, 2, 5)});
  // Every host has ports of its own, so that no two flows want the same one outside.
  flow.asked.source_port = static_cast<std::uint16_t>(host * 1000 + below(3));
  flow.asked.destination_port = static_cast<std::uint16_t>(any_of({80, 53}));
  for (std::uint32_t& sequence : flow.sequence)
    sequence = any_of({1000U, 0xfffffff0U, 0x7ffffff0U, static_cast<std::uint32_t>(random_())});
  flows_.push_back(flow);
  return flows_.back();
}

std::string RandomConversation::ends_of(const conntrack::Tuple& tuple) {
  if (!conntrack::has_ports(tuple.protocol))
    return fmt::format("{} {}", tuple.source.text(), tuple.destination.text());
  return fmt::format("{}:{} {}:{}", tuple.source.text(), tuple.source_port,
                     tuple.destination.text(), tuple.destination_port);
}

std::string RandomConversation::tcp_flags(const Flow& flow, bool from_client) {
  if (one_in(12)) return any_of<const char*>({"-", "F", "SF", "PU", "SRA", "AUP", "SAU"});
  const bool quiet = !flow.left;
  if (from_client && quiet) return any_of<const char*>({"S", "S", "S", "S", "A", "SA", "R", "FA"});
  return from_client
             ? any_of<const char*>({"S", "A", "A", "A", "PA", "PA", "FA", "R", "RA", "SA"})
             : any_of<const char*>({"SA", "SA", "SA", "A", "A", "PA", "FA", "R", "RA", "S"});
}

std::string RandomConversation::tcp_of(Flow& flow, bool from_client, const std::string& ends) {
  const std::string flags = tcp_flags(flow, from_client);
  const int own = from_client ? 0 : 1;
  const bool syn = flags.find('S') != std::string::npos, fin = flags.find('F') != std::string::npos;
  const bool straight = !one_in(4);
  const std::uint32_t sequence =
      flow.sequence[own] + (straight ? 0
                                     : any_of({1U, ~0U, 8191U, 8192U, 8193U, 20000U, 0U - 9000U,
                                               600000U, static_cast<std::uint32_t>(random_())}));
  std::uint32_t ack = flow.sequence[1 - own];
  if (one_in(5))
    ack += any_of({1U, ~0U, 100U, 0U - 65999U, 0U - 66001U, 0U - 70000U,
                   static_cast<std::uint32_t>(random_())});
  if (flags.find('A') == std::string::npos || (flags == "RA" && one_in(3))) ack = 0;
  const unsigned length = any_of({0U, 0U, 0U, 1U, 100U, 1400U});
  if (straight) flow.sequence[own] = sequence + length + (syn ? 1 : 0) + (fin ? 1 : 0);
  std::string line = fmt::format("tcp {} {} seq={} ack={} win={} len={}", ends, flags, sequence,
                                 ack, any_of({8192, 8192, 8192, 0, 1, 65535}), length);
  if (syn && one_in(2)) line += fmt::format(" ws={}", any_of({0, 2, 7, 15}));
  if (syn && one_in(2)) line += " sackok";
  if (!syn && one_in(6)) line += fmt::format(" sack={}-{}", ack, ack + any_of({10U, 1000U, 0U}));
  if (one_in(40)) line += " badsum";
  return line;
}

/// The client must use tag 34, the server 17.
std::string RandomConversation::sctp_of(const Flow& flow, bool from_client,
                                        const std::string& ends) {
  std::string chunk = any_of<const char*>(
      {"data", "init", "init-ack", "sack", "heartbeat", "heartbeat-ack", "abort", "shutdown",
       "shutdown-ack", "error", "cookie-echo", "cookie-ack", "shutdown-complete"});
  if (!flow.left && one_in(2)) chunk = "init";
  const int right_tag = chunk == "init" ? 0 : from_client ? 34 : 17;
  const int tag = one_in(6) ? any_of({0, 17, 34, 99}) : right_tag;
  return fmt::format("sctp {} {} tag={} itag={}", ends, chunk, tag,
                     one_in(10)    ? 99
                     : from_client ? 17
                                   : 34);
}

std::string RandomConversation::packet_of(Flow& flow, bool from_client) {
  // What the server answers to is what left the router.
  const conntrack::Tuple tuple = from_client ? flow.asked : *inverse(flow.outside);
  const std::string ends = ends_of(tuple);
  switch (tuple.protocol) {
    case protocol::tcp:
      return tcp_of(flow, from_client, ends);
    case protocol::udp:
      return fmt::format("udp {} len={}", ends, below(20));
    case protocol::sctp:
      return sctp_of(flow, from_client, ends);
    case protocol::icmp:
      return fmt::format("icmp {} type={} id={} len=8", ends, from_client ? 8 : 0,
                         tuple.source_port);
    case protocol::gre:
      return fmt::format("ip {} proto=47 hex=0000080061626364", ends);
    default:
      return fmt::format("ip {} proto=50 hex=0000010061626364", ends);
  }
}

/// A router on the way (or the other end) complains about a packet of the flow.
std::string RandomConversation::error_about(Flow& flow) {
  const bool of_client = one_in(2) || !flow.left;
  const conntrack::Tuple& seen = of_client && flow.left ? flow.outside : flow.asked;
  const bool from_server = of_client && flow.left;
  const conntrack::Tuple about = from_server ? seen : *inverse(seen);
  std::string quoted;
  switch (about.protocol) {
    case protocol::tcp:
      quoted = fmt::format("tcp {} A seq=1", ends_of(about));
      break;
    case protocol::udp:
      quoted = fmt::format("udp {} len=9", ends_of(about));
      break;
    case protocol::sctp:
      quoted = fmt::format("sctp {} data tag=1", ends_of(about));
      break;
    case protocol::icmp:
      quoted = fmt::format("icmp {} type={} id={}", ends_of(about), from_server ? 8 : 0,
                           about.source_port);
      break;
    default:
      quoted = fmt::format("ip {} proto={} hex=0000000000000000", ends_of(about), about.protocol);
  }
  const std::string reporter = one_in(2) ? "172.31.0.9" : about.destination.text();
  return fmt::format("{} icmp {} {} type={} code={}{} about {}", from_server ? '<' : '>', reporter,
                     about.source.text(), any_of({3, 3, 11, 12, 4, 5}), below(4),
                     one_in(4) ? fmt::format(" quote={}", any_of({20, 24, 28, 30})) : "", quoted);
}

std::string RandomConversation::next() {
  first_ = false;
  if (!zones_ && one_in(15)) return "age 5000";  // the tool ages entries of zone 0 only
  if (flows_.empty() || (flows_.size() < 8 && one_in(5))) begin_flow();
  current_ = one_in(3) ? below(static_cast<unsigned>(flows_.size())) : flows_.size() - 1;
  Flow& flow = flows_[current_];
  if (flow.asked.protocol == protocol::icmp)
    flow.asked.destination_port = wire::IcmpHeader::echo_request << 8;
  if (!conntrack::has_ports(flow.asked.protocol) && flow.asked.protocol != protocol::icmp)
    flow.asked.source_port = flow.asked.destination_port = 0;
  if (one_in(12)) return error_about(flow);
  const bool from_client = !flow.left || one_in(2);
  first_ = from_client;
  return (from_client ? "> " : "< ") + packet_of(flow, from_client);
}

void RandomConversation::learn(const Answer& answer) {
  if (!first_ || answer.packet.empty()) return;
  Flow& flow = flows_[current_];
  const auto segment = conntrack::segment_of(answer.packet);
  const auto outside = segment ? conntrack::tuple_of(*segment) : std::nullopt;
  if (!outside) return;
  flow.outside = *outside;
  flow.left = true;
}

}  // namespace wayout::conversation
