#include <algorithm>

#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

/// Options without the copy bit stand in the first fragment only; later ones hold no-operations in
/// their place (RFC 791 §3.1). Linux: net/ipv4/ip_options.c ip_options_fragment.
void blank_uncopied_options(std::span<std::uint8_t> header) {
  constexpr std::uint8_t end = 0, no_operation = 1, copied = 0x80;
  for (std::size_t i = sizeof(wire::Ipv4Header); i < header.size();) {
    if (header[i] == end) return;
    if (header[i] == no_operation) {
      ++i;
      continue;
    }
    if (i + 1 >= header.size() || header[i + 1] < 2) return;
    const std::size_t next = std::min<std::size_t>(i + header[i + 1], header.size());
    if ((header[i] & copied) == 0) std::fill(header.begin() + i, header.begin() + next, no_operation);
    i = next;
  }
}

}  // namespace

std::vector<Packet> fragment(const Packet& packet, std::uint32_t mtu_bytes) {
  const auto network = packet.network();
  const auto* whole = wire::header_at<wire::Ipv4Header>(network);
  const std::size_t header_bytes = whole->header_bytes();
  const std::uint32_t limit = packet.fragment_max_bytes != 0
                                  ? std::min(mtu_bytes, packet.fragment_max_bytes)
                                  : mtu_bytes;
  const std::size_t step = std::max<std::size_t>((limit - header_bytes) / 8 * 8, 8);
  const auto payload = network.subspan(header_bytes);
  const std::size_t base = whole->fragment_offset_bytes();

  std::vector<Packet> pieces;
  for (std::size_t at = 0; at < payload.size(); at += step) {
    const std::size_t bytes = std::min(step, payload.size() - at);
    const bool last = at + bytes == payload.size();
    std::vector<std::uint8_t> piece(network.begin(), network.begin() + header_bytes);
    piece.insert(piece.end(), payload.begin() + at, payload.begin() + at + bytes);
    if (at != 0) blank_uncopied_options(std::span(piece).first(header_bytes));
    auto* ip = wire::header_at<wire::Ipv4Header>(std::span(piece));
    ip->total_length = static_cast<std::uint16_t>(piece.size());
    const bool more = !last || whole->has_more_fragments();
    ip->fragment = static_cast<std::uint16_t>((base + at) / 8 |
                                              (more ? wire::Ipv4Header::more_fragments : 0));
    ip->checksum = wire::ipv4_header_checksum(std::span(piece).first(header_bytes));
    Packet out = packet;
    out.fragment_max_bytes = 0;
    out.replace_network(piece);
    pieces.push_back(std::move(out));
  }
  return pieces;
}

}  // namespace wayout::ip
