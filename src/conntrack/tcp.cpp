#include <algorithm>
#include <array>

#include "conntrack/tcp_window.hpp"
#include "conntrack/trackers.hpp"
#include "wire/checksum.hpp"

namespace wayout::conntrack {
namespace {

using wire::TcpHeader;

/// Where a packet of a class leads from a state. Two cells are no states: the packet is ignored
/// (it passes, as the ends may be in sync while we are not), or it is invalid.
enum Cell : std::uint8_t { no, ss, sr, es, fw, cw, la, tw, cl, s2, ig, iv };
static_assert(s2 == static_cast<int>(TcpState::syn_sent2));

using Row = std::array<Cell, 10>;  // by TcpState
using Rows = std::array<Row, 6>;   // by TcpClass

// clang-format off
constexpr std::array<Rows, 2> transitions{{
    // original direction
    {{
        //    no  ss  sr  es  fw  cw  la  tw  cl  s2
        Row{iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},  // none
        Row{ss, ss, ig, ig, ig, ig, ig, ss, ss, s2},  // SYN
        Row{iv, iv, sr, iv, iv, iv, iv, iv, iv, sr},  // SYN+ACK
        Row{iv, iv, fw, fw, la, la, la, tw, cl, iv},  // FIN
        Row{es, iv, es, es, cw, cw, tw, tw, cl, iv},  // ACK
        Row{iv, cl, cl, cl, cl, cl, cl, cl, cl, cl},  // RST
    }},
    // reply direction
    {{
        Row{iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},  // none
        Row{iv, s2, iv, iv, iv, iv, iv, ss, iv, s2},  // SYN
        Row{iv, sr, ig, ig, ig, ig, ig, ig, ig, sr},  // SYN+ACK
        Row{iv, iv, fw, fw, la, la, la, tw, cl, iv},  // FIN
        Row{iv, ig, sr, es, cw, cw, tw, tw, cl, ig},  // ACK
        Row{iv, cl, cl, cl, cl, cl, cl, cl, cl, cl},  // RST
    }},
}};
// clang-format on

/// nf_ct_expires() below which an invalid closing packet does not shorten a connection's life.
constexpr std::int64_t short_life_ms = 120'000;

bool legal_flags(std::uint8_t flags) {
  switch (flags & ~(TcpHeader::psh | TcpHeader::ece | TcpHeader::cwr)) {
    case TcpHeader::syn:
    case TcpHeader::syn | TcpHeader::urg:
    case TcpHeader::syn | TcpHeader::ack:
    case TcpHeader::rst:
    case TcpHeader::rst | TcpHeader::ack:
    case TcpHeader::fin | TcpHeader::ack:
    case TcpHeader::fin | TcpHeader::ack | TcpHeader::urg:
    case TcpHeader::ack:
    case TcpHeader::ack | TcpHeader::urg:
      return true;
    default:
      return false;
  }
}

Invalid fault_of(const Observed& packet) {
  const std::span<const std::uint8_t> bytes = packet.segment.bytes;
  const auto* header = wire::header_at<TcpHeader>(bytes);
  if (header == nullptr || header->header_bytes() < sizeof(TcpHeader) ||
      header->header_bytes() > bytes.size())
    return Invalid::truncated;
  if (packet.test_checksum &&
      !wire::transport_checksum_ok(packet.segment.source, packet.segment.destination,
                                   wire::protocol::tcp, bytes))
    return Invalid::bad_checksum;
  return legal_flags(header->flags) ? Invalid::none : Invalid::bad_flags;
}

/// The first packet of a connection: a SYN, or (loose) an ACK of one that is older than we are; of
/// that no window is ever tested. Linux: tcp_new.
bool begin(TcpTracking& tcp, const TcpSegment& segment, const Config& config) {
  const Cell next = transitions[0][static_cast<int>(segment.class_)][no];
  if (next == iv || (next != ss && !config.tcp_loose)) return false;
  tcp = {};
  TcpPeer& sender = tcp.seen[0];
  sender.end = sender.max_end = segment.end;
  sender.max_window = std::max<std::uint32_t>(segment.header.window, 1);
  if (next == ss) {
    take_options(sender, segment);
    return true;
  }
  sender.max_end += sender.max_window;
  tcp.seen[0].flags = tcp.seen[1].flags = TcpPeer::sack_permitted | TcpPeer::be_liberal;
  return true;
}

/// A SYN in a finished connection begins the next one of the same ports. Was the end not seen by
/// us, it is left to the server's answer.
bool may_reopen(const TcpTracking& tcp, Direction direction) {
  return tcp.seen[0].has(TcpPeer::close_init) || tcp.seen[1].has(TcpPeer::close_init) ||
         (tcp.last_direction == direction && tcp.last_class == TcpClass::rst);
}

/// A SYN+ACK that acknowledges a SYN which we had let through: the ends are in sync, and so are we
/// from here on.
bool answers_ignored_syn(const TcpTracking& tcp, Direction direction, const TcpSegment& segment) {
  return segment.class_ == TcpClass::syn_ack && tcp.last_class == TcpClass::syn &&
         tcp.last_direction != direction && segment.ack == tcp.last_end;
}

void resynchronise(TcpTracking& tcp, Direction direction) {
  TcpPeer& asker = tcp.seen[static_cast<int>(tcp.last_direction)];
  asker.end = asker.max_end = tcp.last_end;
  asker.max_window = std::max<std::uint32_t>(tcp.last_window, 1);
  asker.scale = tcp.last_scale;
  asker.flags = tcp.last_flags;
  tcp.challenge_ack_expected = false;
  // The answering side begins anew with this packet, but stays liberal if it was.
  TcpPeer& answerer = tcp.seen[static_cast<int>(direction)];
  answerer = {.flags = static_cast<std::uint8_t>(answerer.flags & TcpPeer::be_liberal)};
}

/// Keep of a packet that is let through what resynchronising or a RST in answer will need.
void remember_ignored(TcpTracking& tcp, Direction direction, const TcpSegment& segment) {
  tcp.last_class = segment.class_;
  tcp.last_direction = direction;
  tcp.last_sequence = segment.sequence;
  tcp.last_end = segment.end;
  tcp.last_window = segment.header.window;
  if (segment.class_ == TcpClass::syn && direction == Direction::original) {
    tcp.last_flags = segment.option_flags;
    tcp.last_scale = segment.scale;
    tcp.simultaneous_open = false;
    // An ACK in answer would look like that of the last FIN.
    tcp.challenge_ack_expected = tcp.state == TcpState::last_ack;
  }
  if (tcp.state == TcpState::syn_sent && segment.class_ == TcpClass::ack &&
      direction == Direction::reply)
    tcp.last_ack = segment.ack;
}

bool is_challenge_ack(const TcpTracking& tcp, Direction direction, const TcpSegment& segment) {
  return tcp.state == TcpState::last_ack && segment.class_ == TcpClass::ack &&
         tcp.last_direction != direction && tcp.last_class == TcpClass::syn &&
         tcp.challenge_ack_expected;
}

bool is_established(const Connection& connection) {
  return connection.tcp.state == TcpState::established && connection.has(Status::assured);
}

bool is_closing(TcpState state) {
  return state >= TcpState::fin_wait && state <= TcpState::close;
}

/// In answer to a SYN or ACK that was let through: the numbers kept here are not the ends'.
bool answers_ignored(const Connection& connection, Direction direction, const TcpSegment& rst) {
  const TcpTracking& tcp = connection.tcp;
  const bool after_syn = connection.has(Status::seen_reply) && tcp.last_class == TcpClass::syn &&
                         tcp.last_direction != direction;
  const bool after_ack = !connection.has(Status::assured) && tcp.last_class == TcpClass::ack;
  if ((after_syn || after_ack) && rst.ack == tcp.last_end) return true;
  // The server had answered our SYN with an ACK of its own, older connection.
  return tcp.state == TcpState::syn_sent && tcp.last_class == TcpClass::ack &&
         tcp.last_direction == Direction::reply && rst.sequence == tcp.last_ack;
}

struct RstJudgement {
  enum class Kind : std::uint8_t { test_window, in_window, invalid };
  Kind kind = Kind::test_window;
  bool closes = true;  ///< false: the state stays, a challenge ACK may follow
};

/// RFC 5961 seen from the middle: only a RST whose sequence is exactly what the peer expects closes
/// an established connection at once.
RstJudgement judge_rst(const Connection& connection, Direction direction, const TcpSegment& segment,
                       const Config& config) {
  using Kind = RstJudgement::Kind;
  const TcpTracking& tcp = connection.tcp;
  if (is_closing(tcp.state)) return {Kind::in_window};
  const TcpPeer& receiver = tcp.seen[static_cast<int>(opposite(direction))];
  RstJudgement judgement;
  if (receiver.has(TcpPeer::max_ack_set) && tcp.last_class != TcpClass::syn) {
    const std::uint32_t sequence = segment.sequence;
    if (sequence == 0 && !is_established(connection)) return judgement;
    if (before(sequence, receiver.max_ack) && !config.tcp_ignore_invalid_rst)
      return {Kind::invalid};
    const bool follows_own_data = tcp.last_class == TcpClass::ack &&
                                  tcp.last_direction == direction && sequence == tcp.last_end;
    if (!is_established(connection) || sequence == receiver.max_ack || follows_own_data)
      return judgement;
    judgement.closes = false;
  }
  if (answers_ignored(connection, direction, segment)) judgement.kind = Kind::in_window;
  return judgement;
}

/// A connection whose closing packets are invalid on both sides is out of our sync, and need not
/// hold its place for days. Linux: nf_tcp_handle_invalid.
void note_invalid(Connection& connection, const Observed& packet, TcpClass class_,
                  const Config& config) {
  if (!connection.has(Status::assured) || connection.has(Status::fixed_timeout)) return;
  if (class_ != TcpClass::rst && class_ != TcpClass::fin) return;
  TcpTracking& tcp = connection.tcp;
  const bool answers_closing = tcp.last_direction != packet.direction &&
                               (tcp.last_class == TcpClass::fin || tcp.last_class == TcpClass::rst);
  if (!answers_closing) {
    tcp.last_class = class_;
    tcp.last_direction = packet.direction;
    return;
  }
  const std::int64_t left_ms = connection.expires_ms - packet.now_ms;
  const std::int64_t limit_ms = std::int64_t{config.tcp_timeout_unacknowledged_s} * 1000;
  if (left_ms >= short_life_ms && left_ms > limit_ms)
    connection.expires_ms = packet.now_ms + limit_ms;
}

std::uint32_t timeout_of(const TcpTracking& tcp, TcpClass class_, const Config& config) {
  const std::uint32_t usual = config.tcp_timeout_s[static_cast<int>(tcp.state)];
  const bool unacknowledged = tcp.seen[0].has(TcpPeer::data_unacknowledged) ||
                              tcp.seen[1].has(TcpPeer::data_unacknowledged);
  if (tcp.retransmissions >= config.tcp_max_retrans && usual > config.tcp_timeout_max_retrans_s)
    return config.tcp_timeout_max_retrans_s;
  if (class_ == TcpClass::rst) return config.tcp_timeout_s[static_cast<int>(TcpState::close)];
  if (unacknowledged && usual > config.tcp_timeout_unacknowledged_s)
    return config.tcp_timeout_unacknowledged_s;
  if (tcp.last_window == 0 && usual > config.tcp_timeout_max_retrans_s)
    return config.tcp_timeout_max_retrans_s;
  return usual;
}

/// The packet counts: enter `next`, and choose how long the connection lives from now on.
Opinion advance(Connection& connection, const Observed& packet, TcpState old, TcpState next,
                TcpClass class_, const Config& config) {
  TcpTracking& tcp = connection.tcp;
  tcp.last_class = class_;
  tcp.last_direction = packet.direction;
  tcp.state = next;
  if (old != next && next == TcpState::fin_wait)
    tcp.seen[static_cast<int>(packet.direction)].flags |= TcpPeer::close_init;

  std::uint32_t timeout_s = timeout_of(tcp, class_, config);
  if (!connection.has(Status::seen_reply)) {
    if (class_ == TcpClass::rst) return {Opinion::Kind::last};
    // A SYN repeated for ever must not hold its ports for ever.
    if (class_ == TcpClass::syn && old == TcpState::syn_sent) return {Opinion::Kind::ignored};
    if (next == TcpState::established)
      timeout_s = std::min(timeout_s, config.tcp_timeout_unacknowledged_s);
  } else if (next == TcpState::established &&
             (old == TcpState::syn_recv || old == TcpState::established)) {
    connection.status |= Status::assured;
  }
  refresh(connection, timeout_s, packet.now_ms);
  return {};
}

}  // namespace

Opinion track_tcp(Connection& connection, const Observed& packet, const Config& config) {
  if (const Invalid fault = fault_of(packet); fault != Invalid::none)
    return Opinion::invalid(fault);
  const TcpSegment segment = read_tcp(packet.segment.bytes);
  const Direction direction = packet.direction;
  const TcpClass class_ = segment.class_;
  TcpTracking& tcp = connection.tcp;
  if (!connection.has(Status::confirmed) && !begin(tcp, segment, config))
    return Opinion::invalid(Invalid::cannot_begin);

  TcpState old = tcp.state;
  Cell next =
      transitions[static_cast<int>(direction)][static_cast<int>(class_)][static_cast<int>(old)];
  if (next == ss && old >= TcpState::time_wait) {
    if (may_reopen(tcp, direction)) return {Opinion::Kind::reopens};
    next = ig;
  }
  if (next == ig && answers_ignored_syn(tcp, direction, segment)) {
    resynchronise(tcp, direction);
    old = TcpState::syn_sent;
    next = sr;
  }
  if (next == ig) {
    remember_ignored(tcp, direction, segment);
    return {Opinion::Kind::ignored};
  }
  if (next == iv) return Opinion::invalid(Invalid::wrong_state);
  if (next == tw && is_challenge_ack(tcp, direction, segment)) {
    tcp.challenge_ack_expected = false;
    return {Opinion::Kind::ignored};
  }
  if (next == s2) tcp.simultaneous_open = true;
  if (next == sr && direction == Direction::reply && class_ == TcpClass::ack &&
      tcp.simultaneous_open)
    next = es;

  RstJudgement judgement;
  if (class_ == TcpClass::rst) judgement = judge_rst(connection, direction, segment, config);
  if (judgement.kind == RstJudgement::Kind::invalid)
    return Opinion::invalid(Invalid::out_of_window);
  if (judgement.kind == RstJudgement::Kind::test_window) {
    switch (check_window(tcp, direction, segment, config)) {
      case InWindow::yes:
        break;
      case InWindow::ignored:
        return {Opinion::Kind::ignored};
      case InWindow::no:
        note_invalid(connection, packet, class_, config);
        return Opinion::invalid(Invalid::out_of_window);
    }
  }
  const TcpState reached = judgement.closes ? static_cast<TcpState>(next) : old;
  return advance(connection, packet, old, reached, class_, config);
}

}  // namespace wayout::conntrack
