#include <optional>
#include <span>

#include "netfilter/target.hpp"
#include "route/decide.hpp"
#include "wire/craft.hpp"

namespace wayout::netfilter {
namespace {

constexpr std::uint8_t ece = 0x40, cwr = 0x80;  // of the TCP flags

/// What a SYN offers.
struct Offer {
  bool mss = false, sack = false;
  std::optional<std::uint32_t> timestamp;
  std::optional<std::uint8_t> window_scale;
};

/// None: the options do not hold together.
/// Linux: net/netfilter/nf_synproxy_core.c synproxy_parse_options.
std::optional<Offer> read_options(std::span<const std::uint8_t> options) {
  constexpr std::uint8_t end = 0, no_operation = 1, mss = 2, window_scale = 3, sack = 4, time = 8;
  constexpr std::uint8_t largest_scale = 14;
  Offer offer;
  while (!options.empty()) {
    if (options[0] == end) return offer;
    if (options[0] == no_operation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return offer;
    const std::size_t bytes = options[1];
    if (bytes < 2 || bytes > options.size()) return offer;
    if (options[0] == mss && bytes == 4) offer.mss = true;
    if (options[0] == sack && bytes == 2) offer.sack = true;
    if (options[0] == window_scale && bytes == 3)
      offer.window_scale = std::min(options[2], largest_scale);
    if (options[0] == time && bytes == 10)
      offer.timestamp = *wire::header_at<wire::be32>(options, 2);
    options = options.subspan(bytes);
  }
  return offer;
}

/// The SYN-ACK, but for the cookie. Without timestamps, which remember what both agree on, nothing
/// but the MSS is agreed on. Linux: nf_synproxy_core.c synproxy_send_client_synack.
Packet make_answer(const SynproxyChange& to, const wire::TcpHeader& syn, const Offer& offer,
                   const Situation& at) {
  using H = wire::TcpHeader;
  constexpr std::uint8_t no_scale = 0xf, sack_bit = 4, ecn_bit = 5;
  const wire::Ipv4Fields ip{.source = at.ip().destination_address(),
                            .destination = at.ip().source_address(),
                            .ttl = at.around.answers.default_ttl,
                            .dont_fragment = true};
  wire::TcpFields answer{.source_port = syn.destination_port,
                         .destination_port = syn.source_port,
                         .acknowledgement = syn.sequence + 1,
                         .flags = H::syn | H::ack,
                         .window = 0,
                         .mss = offer.mss ? to.mss : std::uint16_t{0}};
  if (to.timestamp && offer.timestamp) {
    const bool scales = to.window_scale && offer.window_scale;
    const bool sack = to.sack && offer.sack;
    const bool ecn = to.ecn && (syn.flags & (ece | cwr)) == (ece | cwr);
    const std::uint32_t agreed = (scales ? *offer.window_scale : no_scale) |
                                 std::uint32_t{sack} << sack_bit | std::uint32_t{ecn} << ecn_bit;
    answer.timestamps = wire::TcpTimestamps{.value = agreed, .echo = *offer.timestamp};
    answer.sack_permitted = sack;
    if (scales) answer.window_scale = to.window_scale;
    if (ecn) answer.flags |= ece;
  }
  return Packet::from_ip(wire::make_tcp(ip, answer));
}

/// It leaves as the server's, and belongs to the connection of the SYN, which is never confirmed.
void send(Packet answer, const Situation& at) {
  answer.sender.socket = false;
  route::Flow flow = route::flow_of(answer);
  flow.any_source = true;
  NoTrace quiet;
  const Stop unreachable = route::output(flow, answer, at.around.fib, at.around.interfaces,
                                         at.changes.chance, quiet);
  if (unreachable) return;
  answer.connection = at.packet.connection;
  if (answer.connection != no_connection) answer.ctinfo = CtInfo::established_reply;
  at.changes.made.push_back(std::move(answer));
}

}  // namespace

Verdict change(const SynproxyChange& to, const Situation& at) {
  using H = wire::TcpHeader;
  const Verdict refused = Verdict::end(at.drop(Cause::rule(at.rule)));
  const auto segment = at.transport();
  const auto* tcp = wire::header_at<H>(segment);
  if (tcp == nullptr || !sums_up(at) || tcp->header_bytes() < sizeof *tcp ||
      tcp->header_bytes() > segment.size())
    return refused;
  const auto offer = read_options(segment.first(tcp->header_bytes()).subspan(sizeof *tcp));
  if (!offer) return refused;
  const auto kind = tcp->flags & (H::syn | H::ack | H::rst | H::fin);
  if (kind == H::syn) {
    send(make_answer(to, *tcp, *offer, at), at);
    return {.kind = Verdict::Kind::stop,
            .stop = Stop::end(Fate::delivered, Stage::synproxy_tg4, Cause::rule(at.rule)),
            .assumed = true};
  }
  if (kind == H::ack)
    return Verdict::end(Stop::end(Fate::undecided, Stage::synproxy_tg4, Cause::rule(at.rule)));
  return {};
}

}  // namespace wayout::netfilter
