#include "random_traffic.hpp"

#include <algorithm>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::kernel {
namespace {

using Bytes = std::vector<std::uint8_t>;
using wire::IpAddress;

constexpr auto client = IpAddress::v4(10, 0, 1, 2), other_client = IpAddress::v4(10, 0, 1, 3),
               server = IpAddress::v4(8, 8, 8, 8), on_link = IpAddress::v4(10, 0, 2, 5),
               router_in = IpAddress::v4(10, 0, 1, 1), router_out = IpAddress::v4(10, 0, 2, 1);

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> list) {
  return list.begin()[random() % list.size()];
}

/// What the one who got `ip` would send back: an answer of its protocol, none for an error.
Bytes make_answer(std::span<const std::uint8_t> bytes, std::mt19937& random) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  const auto transport = bytes.subspan(ip->header_bytes());
  const wire::Ipv4Fields fields{.source = ip->destination_address(),
                                .destination = ip->source_address()};
  using H = wire::TcpHeader;
  if (const auto* tcp = wire::header_at<H>(transport); ip->protocol == wire::protocol::tcp && tcp) {
    const auto flags = pick<std::uint8_t>(random, {H::syn | H::ack, H::ack, H::ack | H::rst});
    return wire::make_tcp(fields, {.source_port = tcp->destination_port,
                                   .destination_port = tcp->source_port,
                                   .sequence = 5000,
                                   .acknowledgement = tcp->sequence + 1,
                                   .flags = flags,
                                   .mss = 1460});
  }
  if (const auto* udp = wire::header_at<wire::UdpHeader>(transport);
      ip->protocol == wire::protocol::udp && udp)
    return wire::make_udp(fields, udp->destination_port, udp->source_port, Bytes{1, 2, 3});
  if (const auto* icmp = wire::header_at<wire::IcmpHeader>(transport);
      ip->protocol == wire::protocol::icmp && icmp && icmp->type == wire::IcmpHeader::echo_request)
    return wire::make_icmp_echo(fields, true, icmp->id, icmp->sequence);
  return {};
}

/// An error about `ip` from the one who got it, or from a router on its way.
Bytes make_error(std::span<const std::uint8_t> bytes, bool from_receiver) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  const wire::Ipv4Fields fields{
      .source = from_receiver ? ip->destination_address() : IpAddress::v4(203, 0, 113, 99),
      .destination = ip->source_address()};
  const auto quoted = bytes.first(std::min<std::size_t>(bytes.size(), 28));
  return wire::make_icmp_error(fields, wire::IcmpHeader::unreachable, from_receiver ? 3 : 1, 0,
                               quoted);
}

}  // namespace

RandomTraffic::RandomTraffic(std::mt19937& random) : random_(random) {
  for (std::uint16_t i = 0; i < 10; ++i) flows_.push_back(random_flow(i));
}

RandomTraffic::Flow RandomTraffic::random_flow(std::uint16_t number) {
  Flow flow;
  flow.protocol = pick(random_, {wire::protocol::tcp, wire::protocol::udp, wire::protocol::icmp});
  flow.source_port = static_cast<std::uint16_t>(1000 + number);
  flow.destination_port = pick<std::uint16_t>(random_, {53, 80, 8080});
  switch (random_() % 4) {
    case 0:
      flow.from = Origin::router;
      flow.source = router_out;
      flow.destination = pick(random_, {server, on_link});
      break;
    case 1:
      flow.from = Origin::server;
      flow.source = pick(random_, {server, on_link});
      flow.destination = pick(random_, {client, router_out, router_in});
      break;
    default:
      flow.from = Origin::client;
      flow.source = pick(random_, {client, other_client});
      flow.destination = pick(random_, {server, on_link, router_in, router_out});
  }
  return flow;
}

Bytes RandomTraffic::packet_of(Flow& flow) {
  const wire::Ipv4Fields fields{.source = flow.source,
                                .destination = flow.destination,
                                .ttl = random_() % 20 == 0 ? std::uint8_t{1} : std::uint8_t{64},
                                .id = static_cast<std::uint16_t>(flow.source_port),
                                .dont_fragment = random_() % 2 == 0};
  if (flow.protocol == wire::protocol::udp)
    return wire::make_udp(fields, flow.source_port, flow.destination_port, Bytes(random_() % 30));
  if (flow.protocol == wire::protocol::icmp)
    return wire::make_icmp_echo(fields, false, flow.source_port, 1);
  using H = wire::TcpHeader;
  const bool begins = flow.sequence == 1 || random_() % 3 == 0;
  wire::TcpFields tcp{.source_port = flow.source_port,
                      .destination_port = flow.destination_port,
                      .sequence = begins ? 1 : flow.sequence,
                      .flags = begins ? H::syn : H::ack};
  if (begins && random_() % 2 == 0) tcp.mss = 1460;
  if (!begins) tcp.acknowledgement = 5001;
  flow.sequence = 2;
  return wire::make_tcp(fields, tcp);
}

bool RandomTraffic::answer(Sent& sent) {
  if (seen_.empty()) return false;
  const Seen& frame = seen_[random_() % seen_.size()];
  const auto ip = std::span(frame.frame).subspan(sizeof(wire::EthernetHeader));
  sent.from = frame.towards;
  sent.packet = random_() % 5 == 0 ? make_error(ip, random_() % 2 == 0) : make_answer(ip, random_);
  return !sent.packet.empty();
}

Sent RandomTraffic::next() {
  Sent sent;
  if (random_() % 2 == 0 && answer(sent)) return sent;
  Flow& flow = flows_[random_() % flows_.size()];
  return {flow.from, packet_of(flow)};
}

void RandomTraffic::saw(const std::vector<Seen>& frames) {
  constexpr std::size_t remembered = 8;
  seen_.insert(seen_.end(), frames.begin(), frames.end());
  if (seen_.size() > remembered)
    seen_.erase(seen_.begin(), seen_.end() - static_cast<std::ptrdiff_t>(remembered));
}

}  // namespace wayout::kernel
