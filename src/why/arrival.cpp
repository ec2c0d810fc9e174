#include "why/arrival.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// How much an end tells about the packet.
int rank(const path::JourneyEnd& end) {
  const Stop& stop = end.stop;
  if (stop.fate == Fate::delivered) return 5;
  // Nobody listens for a tunnel's datagrams: what they carry is lost, and nobody is told.
  if (refused(stop) && !end.packet.encapsulates) return 4;
  if (stop.fate == Fate::undecided) return 3;
  if (stop.fate == Fate::dropped) return stop.reason == DropReason::OTHERHOST ? 1 : 2;
  return 0;
}

/// The pieces of a packet that left, as whoever gets them puts them together.
class Pieces {
 public:
  void add(const path::Departure& departure) {
    const auto* ip = wire::header_at<wire::Ipv4Header>(departure.frame.network());
    if (ip == nullptr) return;
    const auto network = departure.frame.network();
    const auto length = std::min<std::size_t>(ip->total_length, network.size());
    if (length < ip->header_bytes()) return;
    const auto payload = network.first(length).subspan(ip->header_bytes());
    const std::size_t begin = ip->fragment_offset_bytes(), end = begin + payload.size();
    if (begin == 0) first_ = &departure;
    if (!ip->has_more_fragments()) last_byte_ = std::max(last_byte_, end);
    if (payload_.size() < end) payload_.resize(end);
    std::ranges::copy(payload, payload_.begin() + static_cast<std::ptrdiff_t>(begin));
    ranges_.emplace_back(begin, end);
  }

  /// Nothing if one is missing.
  [[nodiscard]] std::optional<path::Departure> whole() {
    std::ranges::sort(ranges_);
    std::size_t reached = 0;
    for (const auto& [begin, end] : ranges_)
      if (begin <= reached) reached = std::max(reached, end);
    if (first_ == nullptr || last_byte_ == 0 || reached < last_byte_) return std::nullopt;
    path::Departure departure = *first_;
    if (!wire::header_at<wire::Ipv4Header>(departure.frame.network())->is_fragment())
      return departure;
    put_together(departure.frame);
    return departure;
  }

 private:
  void put_together(Packet& first) const {
    const auto old = std::as_const(first).network();
    const std::size_t header_bytes = wire::header_at<wire::Ipv4Header>(old)->header_bytes();
    std::vector<std::uint8_t> bytes(old.begin(),
                                    old.begin() + static_cast<std::ptrdiff_t>(header_bytes));
    auto* ip = wire::header_at<wire::Ipv4Header>(std::span(bytes));
    ip->total_length = static_cast<std::uint16_t>(header_bytes + last_byte_);
    ip->fragment = 0;
    ip->checksum = wire::ipv4_header_checksum(bytes);
    bytes.insert(bytes.end(), payload_.begin(),
                 payload_.begin() + static_cast<std::ptrdiff_t>(last_byte_));
    first.replace_network(bytes);
  }

  const path::Departure* first_ = nullptr;
  std::size_t last_byte_ = 0;  ///< as the last piece says; 0: it is not here
  std::vector<std::uint8_t> payload_;
  std::vector<std::pair<std::size_t, std::size_t>> ranges_;
};

}  // namespace

bool refused(const Stop& stop) { return stop.reason == DropReason::NO_SOCKET; }

Arrival arrival_of(const path::Journey& journey, std::uint32_t packet) {
  const path::JourneyEnd* best = nullptr;
  for (const path::JourneyEnd& e : journey.ends())
    if (e.packet.number == packet && (best == nullptr || rank(e) >= rank(*best))) best = &e;
  Arrival arrival;
  if (best != nullptr) arrival.end = *best;
  const int reached = best == nullptr ? 0 : rank(*best);
  if (reached == 5) arrival.kind = Arrival::Kind::delivered;
  if (reached == 4) arrival.kind = Arrival::Kind::refused;
  if (reached >= 4) return arrival;
  Pieces pieces;
  for (const path::Departure& d : journey.departures())
    if (d.frame.number == packet && d.frame.ethertype == wire::ethertype::ipv4) pieces.add(d);
  arrival.departure = pieces.whole();
  if (arrival.departure) arrival.kind = Arrival::Kind::left;
  return arrival;
}

}  // namespace wayout::why
