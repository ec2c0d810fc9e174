#include "conntrack/tcp_window.hpp"

#include <algorithm>

namespace wayout::conntrack {
namespace {

using wire::TcpHeader;

constexpr std::uint8_t option_end = 0, option_nop = 1, option_window_scale = 3,
                       option_sack_permitted = 4, option_sack = 5;
/// RFC 7323: larger shifts count as 14.
constexpr std::uint8_t largest_scale = 14;
/// An acknowledgement may be this old whatever the window: one largest unscaled window.
constexpr std::uint32_t old_ack_slack = 66000;

TcpClass classify(const TcpHeader& header) {
  const auto has = [&](std::uint8_t flag) { return (header.flags & flag) != 0; };
  if (has(TcpHeader::rst)) return TcpClass::rst;
  if (has(TcpHeader::syn)) return has(TcpHeader::ack) ? TcpClass::syn_ack : TcpClass::syn;
  if (has(TcpHeader::fin)) return TcpClass::fin;
  if (has(TcpHeader::ack)) return TcpClass::ack;
  return TcpClass::none;
}

void read_sack(std::span<const std::uint8_t> blocks, TcpSegment& segment) {
  struct Block {
    wire::be32 left, right;
  };
  if (blocks.empty() || blocks.size() % sizeof(Block) != 0) return;
  for (; !blocks.empty(); blocks = blocks.subspan(sizeof(Block))) {
    const std::uint32_t right = wire::header_at<Block>(blocks)->right;
    if (after(right, segment.sack_end)) segment.sack_end = right;
  }
}

/// A malformed option ends the reading; what came before it counts.
void read_options(std::span<const std::uint8_t> options, TcpSegment& segment) {
  while (!options.empty() && options[0] != option_end) {
    if (options[0] == option_nop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
    const std::uint8_t kind = options[0];
    const std::span<const std::uint8_t> value = options.subspan(2, options[1] - 2U);
    options = options.subspan(options[1]);
    if (kind == option_sack_permitted && value.empty()) {
      segment.option_flags |= TcpPeer::sack_permitted;
    } else if (kind == option_window_scale && value.size() == 1) {
      segment.scale = std::min(value[0], largest_scale);
      segment.option_flags |= TcpPeer::window_scale;
    } else if (kind == option_sack) {
      read_sack(value, segment);
    }
  }
}

/// The first SYN of a direction, or one that begins it anew. Window scaling holds only when both
/// sides offer it.
void begin(TcpPeer& sender, TcpPeer& receiver, Direction direction, const TcpSegment& segment) {
  sender.end = sender.max_end = segment.end;
  sender.max_window = std::max<std::uint32_t>(segment.header.window, 1);
  take_options(sender, segment);
  if (direction == Direction::reply &&
      !(sender.has(TcpPeer::window_scale) && receiver.has(TcpPeer::window_scale))) {
    sender.scale = receiver.scale = 0;
  }
}

/// A direction that is first seen in the middle of its life: its history is taken from the packet.
void pick_up(TcpPeer& sender, TcpPeer& receiver, const TcpSegment& segment, std::uint32_t sack) {
  sender.end = segment.end;
  sender.max_window = std::max(std::uint32_t{segment.header.window} << sender.scale, 1U);
  sender.max_end = segment.end + sender.max_window;
  if (receiver.max_window == 0) {
    receiver.end = receiver.max_end = sack;
  } else if (sack == receiver.end + 1) {
    ++receiver.end;  // the answer to a keep-alive probe
  }
}

void count_retransmission(TcpTracking& tcp, Direction direction, const TcpSegment& segment,
                          std::uint32_t sequence, std::uint32_t end, std::uint32_t ack) {
  const std::uint16_t window = segment.header.window;
  if (tcp.last_direction == direction && tcp.last_sequence == sequence && tcp.last_ack == ack &&
      tcp.last_end == end && tcp.last_window == window) {
    ++tcp.retransmissions;
    return;
  }
  tcp.last_direction = direction;
  tcp.last_sequence = sequence;
  tcp.last_ack = ack;
  tcp.last_end = end;
  tcp.last_window = window;
  tcp.retransmissions = 0;
}

/// Where a segment stands against the bounds. Data a little beyond what was allowed may be real: it
/// passes, and is remembered so that its acknowledgement is valid.
InWindow test_bounds(TcpPeer& sender, const TcpPeer& receiver, std::uint32_t sequence,
                     std::uint32_t end, std::uint32_t sack) {
  const std::uint32_t oldest_ack = receiver.end - std::max(sender.max_window, old_ack_slack) - 1;
  const bool recent_data = after(end, sender.end - receiver.max_window - 1);
  const bool acks_sent_data = before(sack, receiver.end + 1);
  if (!before(sequence, sender.max_end + 1)) {
    const std::uint32_t overshoot = end - sender.max_end + 1;
    if (receiver.max_window == 0 || !recent_data || !after(sack, oldest_ack) ||
        overshoot > receiver.max_window || !acks_sent_data)
      return InWindow::no;
    sender.end = end;
    sender.flags |= TcpPeer::data_unacknowledged;
    return InWindow::ignored;
  }
  if (!acks_sent_data) return InWindow::no;
  if (receiver.max_window != 0 && !recent_data) return InWindow::ignored;
  if (!after(sack, oldest_ack)) return InWindow::ignored;
  return InWindow::yes;
}

void update_sender(TcpPeer& sender, bool has_ack, std::uint32_t ack, std::uint32_t end,
                   std::uint32_t window) {
  sender.max_window = std::max(sender.max_window, window);
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= TcpPeer::data_unacknowledged;
  }
  if (!has_ack) return;
  if (!sender.has(TcpPeer::max_ack_set) || after(ack, sender.max_ack)) sender.max_ack = ack;
  sender.flags |= TcpPeer::max_ack_set;
}

void update_receiver(TcpPeer& receiver, const TcpPeer& sender, std::uint32_t ack,
                     std::uint32_t sack, std::uint32_t end, std::uint32_t window) {
  if (receiver.max_window != 0 && after(end, sender.max_end))
    receiver.max_window += end - sender.max_end;
  if (after(sack + window, receiver.max_end - 1)) {
    receiver.max_end = sack + window;
    if (window == 0) ++receiver.max_end;  // a probe of a closed window is legal
  }
  if (ack == receiver.end)
    receiver.flags = static_cast<std::uint8_t>(receiver.flags & ~TcpPeer::data_unacknowledged);
}

}  // namespace

TcpSegment read_tcp(std::span<const std::uint8_t> bytes) {
  const auto& header = *wire::header_at<TcpHeader>(bytes);
  const std::uint32_t data_bytes = static_cast<std::uint32_t>(bytes.size() - header.header_bytes());
  TcpSegment segment{.header = header,
                     .class_ = classify(header),
                     .sequence = header.sequence,
                     .ack = header.acknowledgement,
                     .end = header.sequence + data_bytes,
                     .has_options = header.header_bytes() > sizeof(TcpHeader),
                     .sack_end = header.acknowledgement};
  if (segment.has(TcpHeader::syn)) ++segment.end;
  if (segment.has(TcpHeader::fin)) ++segment.end;
  read_options(bytes.subspan(sizeof(TcpHeader), header.header_bytes() - sizeof(TcpHeader)),
               segment);
  return segment;
}

void take_options(TcpPeer& sender, const TcpSegment& segment) {
  if (!segment.has_options) return;
  sender.scale = segment.scale;
  sender.flags =
      static_cast<std::uint8_t>((sender.flags & TcpPeer::be_liberal) | segment.option_flags);
}

InWindow check_window(TcpTracking& tcp, Direction direction, const TcpSegment& segment,
                      const Config& config) {
  TcpPeer& sender = tcp.seen[static_cast<int>(direction)];
  TcpPeer& receiver = tcp.seen[static_cast<int>(opposite(direction))];
  const bool syn = segment.has(TcpHeader::syn), has_ack = segment.has(TcpHeader::ack),
             rst = segment.has(TcpHeader::rst);
  std::uint32_t sequence = segment.sequence, end = segment.end, ack = segment.ack;
  std::uint32_t sack = receiver.has(TcpPeer::sack_permitted) ? segment.sack_end : ack;

  const bool opening = tcp.state == TcpState::syn_sent || tcp.state == TcpState::syn_recv;
  if (sender.max_window == 0 && !syn) {
    pick_up(sender, receiver, segment, sack);
  } else if (syn && (sender.max_window == 0 || (after(end, sender.end) && opening))) {
    const bool first = sender.max_window == 0;
    begin(sender, receiver, direction, segment);
    // A SYN without ACK in answer to a SYN: simultaneous open.
    if (!has_ack && (first || direction == Direction::reply)) return InWindow::yes;
  }
  // Some stacks set ACK in a RST and leave the number 0.
  if (!has_ack || (rst && ack == 0)) ack = sack = receiver.end;
  // A RST that answers a SYN has no sequence of its own.
  if (rst && sequence == 0 && tcp.state == TcpState::syn_sent) sequence = end = sender.end;

  const InWindow verdict = test_bounds(sender, receiver, sequence, end, sack);
  if (verdict != InWindow::yes) {
    return sender.has(TcpPeer::be_liberal) || config.tcp_be_liberal ? InWindow::yes : verdict;
  }
  std::uint32_t window = segment.header.window;
  if (!syn) window <<= sender.scale;
  update_sender(sender, has_ack, ack, end, window + (sack - ack));
  update_receiver(receiver, sender, ack, sack, end, window);
  if (segment.class_ == TcpClass::ack)
    count_retransmission(tcp, direction, segment, sequence, end, ack);
  return InWindow::yes;
}

}  // namespace wayout::conntrack
