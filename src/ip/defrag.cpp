#include "ip/defrag.hpp"

#include <algorithm>

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

constexpr std::int64_t lifetime_ms = 30'000;  // net.ipv4.ipfrag_time

enum class Taken : std::uint8_t { kept, duplicate, overlap };

/// Put one piece into its place. Linux: inet_frag_queue_insert.
Taken take(FragmentQueue& queue, FragmentQueue::Piece piece) {
  const auto end = piece.offset + piece.bytes.size();
  for (const FragmentQueue::Piece& other : queue.pieces) {
    const auto other_end = other.offset + other.bytes.size();
    if (piece.offset >= other_end || end <= other.offset) continue;
    return piece.offset >= other.offset && end <= other_end ? Taken::duplicate : Taken::overlap;
  }
  const auto place = std::find_if(queue.pieces.begin(), queue.pieces.end(),
                                  [&](const auto& p) { return p.offset > piece.offset; });
  queue.pieces.insert(place, std::move(piece));
  return Taken::kept;
}

bool is_whole(const FragmentQueue& queue) {
  if (queue.header.empty() || queue.total == 0) return false;
  std::uint32_t at = 0;
  for (const FragmentQueue::Piece& piece : queue.pieces) {
    if (piece.offset != at) return false;
    at += static_cast<std::uint32_t>(piece.bytes.size());
  }
  return at == queue.total;
}

void join(Packet& packet, const FragmentQueue& queue) {
  std::vector<std::uint8_t> whole = queue.header;
  for (const FragmentQueue::Piece& piece : queue.pieces)
    whole.insert(whole.end(), piece.bytes.begin(), piece.bytes.end());
  auto* ip = wire::header_at<wire::Ipv4Header>(std::span(whole));
  ip->total_length = static_cast<std::uint16_t>(whole.size());
  ip->fragment = queue.largest_had_df ? wire::Ipv4Header::dont_fragment : std::uint16_t{0};
  ip->checksum = wire::ipv4_header_checksum(std::span(whole).first(queue.header.size()));
  packet.replace_network(whole);
  packet.fragment_max_bytes = queue.largest;
  packet.fragment_dont = queue.largest_had_df;
}

}  // namespace

template <Trace T>
Stop defragment(Packet& packet, Hook user, Fragments& fragments, std::int64_t now_ms, T& trace) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (!ip->is_fragment()) return Stop::go_on();

  const FragmentKey key{ip->source_address(), ip->destination_address(), ip->id, ip->protocol,
                        static_cast<std::uint8_t>(user), packet.zone_original};
  FragmentQueue& queue = fragments.queues[key];
  if (queue.expires_ms != 0 && queue.expires_ms <= now_ms) queue = {};
  if (queue.expires_ms == 0) queue.expires_ms = now_ms + lifetime_ms;

  const auto offset = static_cast<std::uint32_t>(ip->fragment_offset_bytes());
  auto payload = network.subspan(ip->header_bytes());
  const auto size = static_cast<std::uint32_t>(network.size());
  const bool had_df = ip->has_dont_fragment();
  if (ip->has_more_fragments()) payload = payload.first(payload.size() / 8 * 8);
  else queue.total = offset + static_cast<std::uint32_t>(payload.size());
  if (offset == 0) queue.header.assign(network.begin(), network.begin() + ip->header_bytes());

  switch (take(queue, {offset, {payload.begin(), payload.end()}})) {
    case Taken::duplicate:
      return Stop::drop(Stage::ip_defrag, DropReason::DUP_FRAG, Cause::packet(PacketCause::fragment));
    case Taken::overlap:
      fragments.queues.erase(key);
      return Stop::drop(Stage::ip_defrag, DropReason::NOT_SPECIFIED,
                        Cause::packet(PacketCause::fragment));
    case Taken::kept: break;
  }
  if (size > queue.largest || (size == queue.largest && had_df)) queue.largest_had_df = had_df;
  queue.largest = std::max(queue.largest, size);
  if (!is_whole(queue)) return Stop::end(Fate::held, Stage::ip_defrag);

  join(packet, queue);
  fragments.queues.erase(key);
  if constexpr (T::tells) {
    trace.step({.stage = Stage::ip_defrag,
                .did = Did::reassembled,
                .hook = user,
                .device = packet.device,
                .value = static_cast<std::uint32_t>(packet.network().size()),
                .packet = packet.number});
  }
  return Stop::go_on();
}

template Stop defragment(Packet&, Hook, Fragments&, std::int64_t, NoTrace&);
template Stop defragment(Packet&, Hook, Fragments&, std::int64_t, StepTrace&);

}  // namespace wayout::ip
