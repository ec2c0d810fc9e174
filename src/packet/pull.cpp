#include "packet/pull.hpp"

#include <algorithm>

#include "wire/headers.hpp"

namespace wayout {

void pull_fragments(Packet& packet, std::size_t length_bytes) {
  std::vector<std::uint16_t>& pieces = packet.fragment_payloads;
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  if (pieces.empty() || ip == nullptr) return;
  while (pieces.size() > 1 && ip->header_bytes() + pieces[0] < length_bytes) {
    const std::size_t missing = length_bytes - ip->header_bytes() - pieces[0];
    const auto moved = static_cast<std::uint16_t>(std::min<std::size_t>(pieces[1], missing));
    pieces[0] = static_cast<std::uint16_t>(pieces[0] + moved);
    pieces[1] = static_cast<std::uint16_t>(pieces[1] - moved);
    if (pieces[1] == 0) pieces.erase(pieces.begin() + 1);
  }
}

}  // namespace wayout
