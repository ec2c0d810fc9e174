#include "random_frames.hpp"

#include <algorithm>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::oracle {
namespace {

namespace protocol = wire::protocol;
using wire::IcmpHeader;
using wire::IpAddress;
using wire::TcpHeader;

constexpr std::size_t remembered = 12, flows_at_once = 10;

std::vector<std::uint8_t> gre_of(const wire::Ipv4Fields& ip) {
  wire::Ipv4Fields fields = ip;
  fields.protocol = protocol::gre;
  return wire::make_ipv4(fields, std::vector<std::uint8_t>{0, 0, 8, 0, 'a', 'b', 'c', 'd'});
}

}  // namespace

const Leg& RandomFrames::leg_of(const std::string& tap) const {
  for (const Leg& leg : world_.legs)
    if (std::find(leg.taps.begin(), leg.taps.end(), tap) != leg.taps.end()) return leg;
  return world_.legs.front();
}

/// A packet that a station sends: mostly to the host, on a bridge now and then to another station.
InputFrame RandomFrames::from_station(const Station& station, const Bytes& packet) {
  const Leg& leg = leg_of(station.tap);
  wire::MacAddress to = leg.mac;
  const auto* ip = wire::header_at<wire::Ipv4Header>(std::span<const std::uint8_t>(packet));
  for (const Station& other : world_.stations) {
    const bool bridged = leg.taps.size() > 1 && &leg_of(other.tap) == &leg;
    if (bridged && ip != nullptr && other.address == ip->destination_address()) to = other.mac;
  }
  if (ip != nullptr && (ip->destination_address() == leg.broadcast ||
                        ip->destination_address().is_limited_broadcast()))
    to = wire::MacAddress::broadcast();
  if (ip != nullptr && ip->destination_address().is_multicast())
    to = {{1, 0, 0x5e, 0, 0, 1}};
  if (one_in(60)) to = one_of(world_.stations).mac;
  if (one_in(100)) to = wire::MacAddress::broadcast();
  return {station.tap, 0, wire::make_frame(station.mac, to, wire::ethertype::ipv4, packet)};
}

IpAddress RandomFrames::somebody(const Station& except) {
  for (int tries = 0; tries < 8; ++tries) {
    switch (below(8)) {
      case 0:
      case 1:
      case 2: return one_of(world_.far);
      case 3: return one_of(one_of(world_.legs).addresses);
      case 4:
        if (one_in(4)) return leg_of(except.tap).broadcast;
        if (one_in(4)) return IpAddress::v4(255, 255, 255, 255);
        if (one_in(4)) return IpAddress::v4(224, 0, 0, 251);
        if (one_in(4)) return IpAddress::v4(127, 0, 0, 1);
        if (one_in(4)) return IpAddress::v4(10, 0, 1, 77);
        break;
      default:
        if (const Station& other = one_of(world_.stations); other.address != except.address)
          return other.address;
    }
  }
  return one_of(world_.far);
}

RandomFrames::Flow& RandomFrames::begin_flow() {
  Flow flow;
  flow.from = one_of(world_.stations);
  flow.destination = somebody(flow.from);
  if (flow.from.router && !one_in(4)) flow.from.address = one_of(world_.far);
  flow.protocol = any_of({protocol::tcp, protocol::tcp, protocol::tcp, protocol::udp, protocol::udp,
                          protocol::icmp, protocol::icmp, protocol::gre, protocol::sctp});
  // No two flows have the same source port, unless they mean to collide.
  flow.source_port = static_cast<std::uint16_t>(
      any_of<unsigned>({1000, 20000, 40000}) + flows_.size() * 7 + below(5));
  if (one_in(6)) flow.source_port = any_of<std::uint16_t>({500, 700, 1000, 40000});
  flow.destination_port = any_of<std::uint16_t>({53, 80, 8080, 22});
  flow.sequence = any_of<std::uint32_t>({1, 1000, 0xfffffff0U, 0x7ffffff0U, static_cast<std::uint32_t>(random_())});
  flows_.push_back(flow);
  return flows_.back();
}

RandomFrames::Bytes RandomFrames::tcp_of(Flow& flow, const wire::Ipv4Fields& ip) {
  wire::TcpFields tcp{.source_port = flow.source_port, .destination_port = flow.destination_port};
  const bool again = one_in(6);  // a retransmission
  const bool odd = one_in(10);
  using H = TcpHeader;
  if (!flow.began || one_in(8)) {
    tcp.flags = H::syn;
  } else {
    tcp.flags = any_of<std::uint8_t>({H::ack, H::ack, H::ack | H::psh, H::ack | H::psh,
                                      H::fin | H::ack, H::rst | H::ack, H::rst});
  }
  if (odd)
    tcp.flags = any_of<std::uint8_t>({0, H::fin, H::syn | H::fin, H::syn | H::rst | H::ack,
                                      H::syn | H::ack, H::psh | H::urg, H::ack | H::urg | H::psh});
  tcp.sequence = flow.sequence;
  if (one_in(12)) tcp.sequence += any_of<std::uint32_t>({1, ~0U, 8192, 70000, 0x80000000U});
  if ((tcp.flags & H::ack) != 0) tcp.acknowledgement = flow.acknowledge;
  if (one_in(12)) tcp.acknowledgement += any_of<std::uint32_t>({1, ~0U, 100, 70000});
  tcp.window = any_of<std::uint16_t>({64240, 8192, 8192, 0, 1});
  if ((tcp.flags & H::syn) != 0) {
    if (one_in(2)) tcp.mss = 1460;
    tcp.sack_permitted = one_in(2);
    if (one_in(2)) tcp.window_scale = any_of<std::uint8_t>({0, 2, 7, 14});
  }
  const Bytes data((tcp.flags & H::syn) != 0 && !odd ? 0 : any_of<std::size_t>({0, 0, 1, 100, 1400}));
  if (!again)
    flow.sequence = tcp.sequence + static_cast<std::uint32_t>(data.size()) +
                    ((tcp.flags & H::syn) != 0 ? 1 : 0) + ((tcp.flags & H::fin) != 0 ? 1 : 0);
  flow.began = true;
  return wire::make_tcp(ip, tcp, data);
}

RandomFrames::Bytes RandomFrames::packet_of(Flow& flow) {
  wire::Ipv4Fields ip{.source = flow.from.address,
                      .destination = flow.destination,
                      .tos = one_in(6) ? any_of<std::uint8_t>({0x10, 0x08, 0x02, 0xb8}) : std::uint8_t{0},
                      .ttl = one_in(15) ? any_of<std::uint8_t>({0, 1, 2, 255}) : std::uint8_t{64},
                      .id = static_cast<std::uint16_t>(random_()),
                      .dont_fragment = one_in(2)};
  switch (flow.protocol) {
    case protocol::tcp: return tcp_of(flow, ip);
    case protocol::udp:
      return wire::make_udp(ip, flow.source_port, flow.destination_port,
                            Bytes(any_of<std::size_t>({0, 1, 30, 30, 600, 1400, 1472})));
    case protocol::icmp:
      return wire::make_icmp_echo(ip, one_in(12), flow.source_port,
                                  static_cast<std::uint16_t>(below(3)), Bytes(below(60)));
    case protocol::gre: return gre_of(ip);
    default: {
      wire::Ipv4Fields fields = ip;
      fields.protocol = any_of<std::uint8_t>({protocol::esp, 99, 2});
      return wire::make_ipv4(fields, Bytes(any_of<std::size_t>({0, 8, 40})));
    }
  }
}

RandomFrames::Bytes RandomFrames::tcp_answer_to(const wire::Ipv4Fields& ip,
                                                std::span<const std::uint8_t> segment) {
  const auto* asked = wire::header_at<TcpHeader>(segment);
  if (asked == nullptr) return {};
  using H = TcpHeader;
  const auto data_bytes = static_cast<std::uint32_t>(
      segment.size() - std::min<std::size_t>(segment.size(), asked->header_bytes()));
  const bool syn = (asked->flags & H::syn) != 0, fin = (asked->flags & H::fin) != 0;
  wire::TcpFields tcp{.source_port = asked->destination_port,
                      .destination_port = asked->source_port,
                      .sequence = (asked->flags & H::ack) != 0 ? std::uint32_t{asked->acknowledgement}
                                                               : 7000U,
                      .acknowledgement = asked->sequence + data_bytes + (syn ? 1 : 0) + (fin ? 1 : 0),
                      .flags = syn ? std::uint8_t{H::syn | H::ack} : std::uint8_t{H::ack},
                      .window = any_of<std::uint16_t>({64240, 8192, 0})};
  if (one_in(8)) tcp.flags = any_of<std::uint8_t>({H::rst | H::ack, H::rst, H::ack, H::syn, H::fin | H::ack});
  if (!syn && one_in(5)) tcp.flags |= H::fin;
  if (syn && one_in(2)) {
    tcp.mss = 1460;
    tcp.window_scale = 7;
    tcp.sack_permitted = one_in(2);
  }
  return wire::make_tcp(ip, tcp, Bytes(syn ? 0 : any_of<std::size_t>({0, 0, 50, 1000})));
}

RandomFrames::Bytes RandomFrames::answer_to(const Heard& heard) {
  const std::span<const std::uint8_t> bytes(heard.packet);
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  if (ip == nullptr || ip->header_bytes() > bytes.size() || ip->fragment_offset_bytes() != 0) return {};
  const auto segment = bytes.subspan(ip->header_bytes());
  const wire::Ipv4Fields fields{.source = ip->destination_address(),
                                .destination = ip->source_address(),
                                .id = static_cast<std::uint16_t>(random_()),
                                .dont_fragment = one_in(2)};
  if (ip->protocol == protocol::tcp) return tcp_answer_to(fields, segment);
  if (ip->protocol == protocol::gre) return gre_of(fields);
  if (ip->protocol == protocol::udp) {
    const auto* udp = wire::header_at<wire::UdpHeader>(segment);
    if (udp == nullptr) return {};
    return wire::make_udp(fields, udp->destination_port, udp->source_port, Bytes(below(100)));
  }
  const auto* icmp = wire::header_at<IcmpHeader>(segment);
  if (ip->protocol != protocol::icmp || icmp == nullptr || icmp->is_error()) return {};
  return wire::make_icmp_echo(fields, true, icmp->id, icmp->sequence, Bytes(below(60)));
}

RandomFrames::Bytes RandomFrames::error_about(const Heard& heard) {
  const std::span<const std::uint8_t> bytes(heard.packet);
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  if (ip == nullptr) return {};
  const wire::Ipv4Fields fields{
      .source = one_in(2) ? ip->destination_address() : IpAddress::v4(203, 0, 113, 99),
      .destination = ip->source_address(),
      .id = static_cast<std::uint16_t>(random_())};
  const std::size_t quoted = any_of<std::size_t>({28, 28, 48, 548, 20, 24, 8});
  const std::uint8_t type = any_of<std::uint8_t>({3, 3, 3, 11, 12, 4, 5});
  const auto code = static_cast<std::uint8_t>(type == 3 ? below(5) : below(2));
  return wire::make_icmp_error(fields, type, code, type == 3 && code == 4 ? 1200 : 0,
                               bytes.first(std::min(bytes.size(), quoted)));
}

/// What no proper sender sends.
void RandomFrames::spoil(Bytes& packet) {
  if (packet.size() < sizeof(wire::Ipv4Header)) return;
  auto* ip = wire::header_at<wire::Ipv4Header>(std::span(packet));
  const auto sum_up = [&] {
    ip->checksum = std::uint16_t{0};
    ip->checksum = wire::ipv4_header_checksum(std::span(packet).first(sizeof(wire::Ipv4Header)));
  };
  switch (below(9)) {
    case 0: packet.back() ^= 0x55; break;                   // the transport's checksum
    case 1: packet[10] ^= 0x55; break;                      // the header's
    case 2: packet.resize(below(static_cast<unsigned>(packet.size()))); break;
    case 3: packet[0] = any_of<std::uint8_t>({0x44, 0x55, 0x65, 0x4f}); break;
    case 4:
      ip->total_length = any_of<std::uint16_t>({19, 20, 24, 2000});
      sum_up();
      break;
    case 5: packet.resize(packet.size() + 1 + below(20)); break;  // padding
    case 6:
      ip->source = any_of<std::uint32_t>({0, 0x7f000001, 0xffffffff, 0xe0000001, 0xf0000001,
                                          one_of(one_of(world_.legs).addresses).v4()});
      sum_up();
      break;
    case 7:
      ip->fragment = any_of<std::uint16_t>({0x8000, 0x2000, 0x0001, 0x3fff});
      sum_up();
      break;
    default:
      ip->protocol = any_of<std::uint8_t>({protocol::tcp, protocol::udp, protocol::icmp, 0, 255});
      sum_up();
  }
}

/// The packet of this frame as fragments, in some order, now and then overlapping or not all.
void RandomFrames::in_pieces(const InputFrame& whole) {
  constexpr std::size_t link = sizeof(wire::EthernetHeader), header = sizeof(wire::Ipv4Header);
  const std::span<const std::uint8_t> bytes(whole.bytes);
  if (bytes.size() < link + header + 24) return;
  const auto payload = bytes.subspan(link + header);
  const std::size_t step = std::max<std::size_t>(8, payload.size() / (2 + below(2)) / 8 * 8);
  std::vector<InputFrame> pieces;
  for (std::size_t at = 0; at < payload.size(); at += step) {
    std::size_t length = std::min(step, payload.size() - at);
    if (one_in(15)) length = std::min(length + 8, payload.size() - at);
    const bool last = at + length >= payload.size();
    InputFrame piece{whole.device, 0, {}};
    piece.bytes.assign(bytes.begin(), bytes.begin() + link + header);
    const auto part = payload.subspan(at, length);
    piece.bytes.insert(piece.bytes.end(), part.begin(), part.end());
    auto* ip = wire::header_at<wire::Ipv4Header>(std::span(piece.bytes), link);
    ip->total_length = static_cast<std::uint16_t>(header + length);
    ip->fragment = static_cast<std::uint16_t>(at / 8 | (last ? 0 : 0x2000));
    ip->checksum = std::uint16_t{0};
    ip->checksum = wire::ipv4_header_checksum(std::span(piece.bytes).subspan(link, header));
    pieces.push_back(std::move(piece));
  }
  if (one_in(3)) std::shuffle(pieces.begin(), pieces.end(), random_);
  if (one_in(8)) pieces.pop_back();
  if (one_in(10)) pieces.push_back(pieces.front());
  due_.insert(due_.end(), pieces.begin(), pieces.end());
}

/// A station asks for an address, or tells its own.
InputFrame RandomFrames::arp_frame() {
  const Station& station = one_of(world_.stations);
  const Leg& leg = leg_of(station.tap);
  IpAddress target = one_of(leg.addresses);
  if (one_in(3)) target = somebody(station);
  if (one_in(8)) target = station.address;
  return {station.tap, 0,
          wire::make_arp(wire::ArpHeader::request, station.mac, wire::MacAddress::broadcast(), station.mac,
                         station.address, {}, target)};
}

InputFrame RandomFrames::next() {
  if (!due_.empty() && !one_in(8)) {
    InputFrame frame = std::move(due_.front());
    due_.pop_front();
    return frame;
  }
  if (one_in(25)) return arp_frame();
  InputFrame frame;
  Bytes packet;
  if (!heard_.empty() && one_in(2)) {
    const Heard& heard = one_in(2) ? heard_.back() : one_of(heard_);
    packet = one_in(8) ? error_about(heard) : answer_to(heard);
    if (!packet.empty()) {
      if (one_in(25)) spoil(packet);
      frame = {heard.tap, 0, wire::make_frame(heard.to, heard.from, wire::ethertype::ipv4, packet)};
    }
  }
  if (packet.empty()) {
    const bool begin = flows_.empty() || (flows_.size() < flows_at_once && one_in(4));
    Flow& flow = begin ? begin_flow() : flows_[below(static_cast<unsigned>(flows_.size()))];
    packet = packet_of(flow);
    if (one_in(20)) spoil(packet);
    frame = from_station(flow.from, packet);
  }
  if (one_in(20)) {
    in_pieces(frame);
    if (!due_.empty()) return next();
  }
  return frame;
}

void RandomFrames::saw(const std::vector<LeftFrame>& frames) {
  for (const LeftFrame& left : frames) {
    const std::span<const std::uint8_t> bytes(left.bytes);
    const auto* ethernet = wire::header_at<wire::EthernetHeader>(bytes);
    if (ethernet == nullptr) continue;
    const auto rest = bytes.subspan(sizeof *ethernet);
    if (ethernet->type == wire::ethertype::ipv4) {
      Heard heard{left.device, ethernet->source, ethernet->destination, {rest.begin(), rest.end()}};
      if (ethernet->destination == wire::MacAddress::broadcast()) continue;
      const auto* ip = wire::header_at<wire::Ipv4Header>(rest);
      for (Flow& flow : flows_) {
        const auto* tcp = wire::header_at<TcpHeader>(rest, sizeof(wire::Ipv4Header));
        if (ip == nullptr || tcp == nullptr || ip->protocol != protocol::tcp ||
            flow.protocol != protocol::tcp || ip->destination_address() != flow.from.address ||
            tcp->destination_port != flow.source_port)
          continue;
        flow.acknowledge = tcp->sequence + ((tcp->flags & (TcpHeader::syn | TcpHeader::fin)) != 0 ? 1 : 0);
      }
      heard_.push_back(std::move(heard));
      if (heard_.size() > remembered) heard_.erase(heard_.begin());
      continue;
    }
    const auto* arp = wire::header_at<wire::ArpHeader>(rest);
    if (ethernet->type != wire::ethertype::arp || arp == nullptr || arp->operation != wire::ArpHeader::request) continue;
    for (const Station& station : world_.stations) {
      if (station.tap != left.device || station.address != IpAddress::v4(arp->target_ip) || one_in(5)) continue;
      due_.push_back({station.tap, 0,
                      wire::make_arp(wire::ArpHeader::reply, station.mac, ethernet->source, station.mac, station.address,
                                     ethernet->source, IpAddress::v4(arp->sender_ip))});
    }
  }
}

}  // namespace wayout::oracle
