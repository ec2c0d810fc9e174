#include "ip/defrag.hpp"

#include <algorithm>
#include <optional>

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using wire::Ipv4Header;
using Piece = FragmentQueue::Piece;
using Run = FragmentQueue::Run;

constexpr std::size_t many_queues = 1024;      // then those whose time is over are looked for
constexpr std::uint32_t most_bytes = 0xffff;

enum class Taken : std::uint8_t { kept, duplicate, refused };

Stop dropped(DropReason reason) {
  return Stop::drop(Stage::ip_defrag, reason, Cause::packet(PacketCause::fragment));
}

/// Behind all others: the usual case. Linux: inet_frag_queue_insert, first half.
Taken append(FragmentQueue& queue, Piece piece) {
  const std::uint32_t last_end = queue.pieces.empty() ? 0 : queue.pieces.back().end();
  if (!queue.pieces.empty() && piece.offset < last_end) return Taken::refused;
  if (!queue.pieces.empty() && piece.offset == last_end)
    queue.runs.back().end = piece.end();
  else
    queue.runs.push_back({piece.offset, piece.end()});
  queue.pieces.push_back(std::move(piece));
  return Taken::kept;
}

/// Into a gap. Linux: inet_frag_queue_insert, second half.
Taken insert(FragmentQueue& queue, Piece piece) {
  const auto run = std::find_if(queue.runs.begin(), queue.runs.end(),
                                [&](const Run& r) { return piece.offset < r.end; });
  if (run != queue.runs.end() && piece.end() > run->offset) {
    const bool within = piece.offset >= run->offset && piece.end() <= run->end;
    return within ? Taken::duplicate : Taken::refused;
  }
  queue.runs.insert(run, {piece.offset, piece.end()});
  const auto place = std::find_if(queue.pieces.begin(), queue.pieces.end(),
                                  [&](const Piece& p) { return p.offset > piece.offset; });
  queue.pieces.insert(place, std::move(piece));
  return Taken::kept;
}

/// One fragment, as far as the queue looks at it.
struct Fragment {
  const Ipv4Header& ip;
  std::span<const std::uint8_t> header, payload;
};

/// Linux: ip_frag_queue.
Taken take(FragmentQueue& queue, const Fragment& fragment) {
  const auto offset = static_cast<std::uint32_t>(fragment.ip.fragment_offset_bytes());
  auto payload = fragment.payload;
  if (fragment.ip.has_more_fragments()) {
    payload = payload.first(payload.size() / 8 * 8);  // silently shortened
    const auto end = offset + static_cast<std::uint32_t>(payload.size());
    if (end > queue.length && queue.has_last) return Taken::refused;
    queue.length = std::max(queue.length, end);
  } else {
    const auto end = offset + static_cast<std::uint32_t>(payload.size());
    if (end < queue.length || (queue.has_last && end != queue.length)) return Taken::refused;
    queue.has_last = true;
    queue.length = end;
  }
  if (payload.empty()) return Taken::refused;

  Piece piece{offset, {payload.begin(), payload.end()}};
  const bool behind = queue.pieces.empty() || queue.pieces.back().end() < piece.end();
  const Taken taken =
      behind ? append(queue, std::move(piece)) : insert(queue, std::move(piece));
  if (taken != Taken::kept) return taken;

  const auto size = static_cast<std::uint32_t>(fragment.header.size() + payload.size());
  queue.received += static_cast<std::uint32_t>(payload.size());
  queue.largest = std::max(queue.largest, size);
  if (fragment.ip.has_dont_fragment()) queue.largest_df = std::max(queue.largest_df, size);
  queue.ecn_seen |= static_cast<std::uint8_t>(1U << (fragment.ip.tos & 3));
  if (offset == 0) queue.header.assign(fragment.header.begin(), fragment.header.end());
  return Taken::kept;
}

/// What the ECN bits of the whole become: none if that combination cannot be (RFC 3168 §5.3).
/// Linux: net/ipv4/ip_fragment.c ip_frag_ecn_table.
std::optional<std::uint8_t> ecn_of_whole(std::uint8_t seen) {
  constexpr std::uint8_t not_capable = 1, congested = 8;
  constexpr std::uint8_t congestion_experienced = 3;
  if (seen == not_capable) return 0;
  if ((seen & not_capable) != 0) return std::nullopt;
  const bool others = (seen & ~congested) != 0;
  return (seen & congested) != 0 && others ? congestion_experienced : 0;
}

/// False when the pieces make no packet. Linux: ip_frag_reasm.
bool join(Packet& packet, const FragmentQueue& queue) {
  const auto ecn = ecn_of_whole(queue.ecn_seen);
  if (!ecn || queue.header.size() + queue.length > most_bytes) return false;
  std::vector<std::uint8_t> whole = queue.header;
  packet.fragment_payloads.clear();
  for (const Piece& piece : queue.pieces) {
    whole.insert(whole.end(), piece.bytes.begin(), piece.bytes.end());
    packet.fragment_payloads.push_back(static_cast<std::uint16_t>(piece.bytes.size()));
  }
  packet.fragment_max_bytes = queue.largest;
  packet.fragment_dont = queue.largest_df == queue.largest;
  auto* ip = wire::header_at<Ipv4Header>(std::span(whole));
  ip->tos = static_cast<std::uint8_t>(ip->tos | *ecn);
  ip->total_length = static_cast<std::uint16_t>(whole.size());
  ip->fragment = packet.fragment_dont ? Ipv4Header::dont_fragment : std::uint16_t{0};
  ip->checksum = wire::ipv4_header_checksum(std::span(whole).first(queue.header.size()));
  packet.replace_network(whole);
  return true;
}

FragmentQueue& queue_for(const FragmentKey& key, const FragmentConfig& config,
                         Fragments& fragments, std::int64_t now_ms) {
  if (fragments.queues.size() >= many_queues)
    std::erase_if(fragments.queues, [&](const auto& q) { return q.second.expires_ms <= now_ms; });
  const auto [it, made] = fragments.queues.try_emplace(key);
  if (!made && it->second.expires_ms <= now_ms) it->second = {};
  if (it->second.pieces.empty()) it->second.expires_ms = now_ms + config.time_ms;
  return it->second;
}

}  // namespace

template <Trace T>
Stop defragment(Packet& packet, Hook user, DeviceId vrf, const FragmentConfig& config,
                Fragments& fragments, std::int64_t now_ms, T& trace) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<Ipv4Header>(network);
  if (!ip->is_fragment()) return Stop::go_on();
  if (config.high_thresh_bytes == 0)
    return Stop::drop(Stage::ip_defrag, DropReason::NOT_SPECIFIED,
                      Cause::sysctl(Sysctl::ipfrag_high_thresh, no_device));

  const FragmentKey key{ip->source_address(), ip->destination_address(), ip->id, ip->protocol,
                        static_cast<std::uint8_t>(user), packet.zone_original, vrf};
  FragmentQueue& queue = queue_for(key, config, fragments, now_ms);
  const Fragment fragment{*ip, network.first(ip->header_bytes()),
                          network.subspan(ip->header_bytes())};
  switch (take(queue, fragment)) {
    case Taken::duplicate: return dropped(DropReason::DUP_FRAG);
    case Taken::refused: fragments.queues.erase(key); return dropped(DropReason::NOT_SPECIFIED);
    case Taken::kept: break;
  }
  const bool whole = queue.has_last && !queue.header.empty() && queue.received == queue.length;
  if (!whole) return Stop::end(Fate::held, Stage::ip_defrag);

  const bool joined = join(packet, queue);
  fragments.queues.erase(key);
  if (!joined) return dropped(DropReason::NOT_SPECIFIED);
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

template Stop defragment(Packet&, Hook, DeviceId, const FragmentConfig&, Fragments&, std::int64_t,
                         NoTrace&);
template Stop defragment(Packet&, Hook, DeviceId, const FragmentConfig&, Fragments&, std::int64_t,
                         StepTrace&);

}  // namespace wayout::ip
