#include <algorithm>
#include <numeric>

#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using wire::Ipv4Header;

constexpr std::size_t block_bytes = 8;  // what the offset field counts

/// How the payload is cut: bytes of each piece.
struct Cut {
  std::vector<std::size_t> pieces;
  bool original = false;  ///< as it came
};

/// A packet that was reassembled leaves in its old pieces, if they are known and fit.
std::optional<Cut> cut_as_it_came(const Packet& packet, const Ipv4Header& ip, std::size_t payload,
                                  std::size_t room) {
  const std::vector<std::uint16_t>& old = packet.fragment_payloads;
  if (old.size() < 2 || ip.is_fragment()) return std::nullopt;
  if (std::accumulate(old.begin(), old.end(), std::size_t{0}) != payload) return std::nullopt;
  const bool all_fit = std::all_of(old.begin(), old.end(), [&](auto p) { return p <= room; });
  const bool aligned =
      std::all_of(old.begin(), old.end() - 1, [](auto p) { return p % block_bytes == 0; });
  if (!all_fit || !aligned) return std::nullopt;
  return Cut{{old.begin(), old.end()}, true};
}

Cut cut_evenly(std::size_t payload, std::size_t room) {
  Cut cut;
  const std::size_t step = std::max(room / block_bytes * block_bytes, block_bytes);
  while (payload > room && payload > step) {
    cut.pieces.push_back(step);
    payload -= step;
  }
  cut.pieces.push_back(payload);
  return cut;
}

/// Options without the copy bit stand in the first fragment only; later ones hold no-operations in
/// their place (RFC 791 §3.1). Linux: net/ipv4/ip_options.c ip_options_fragment.
void blank_uncopied_options(std::span<std::uint8_t> header) {
  constexpr std::uint8_t end = 0, no_operation = 1, copied = 0x80;
  for (std::size_t i = sizeof(Ipv4Header); i < header.size();) {
    if (header[i] == end) return;
    if (header[i] == no_operation) {
      ++i;
      continue;
    }
    if (i + 1 >= header.size() || header[i + 1] < 2 || i + header[i + 1] > header.size()) return;
    const std::size_t next = i + header[i + 1];
    if ((header[i] & copied) == 0)
      std::fill(header.begin() + static_cast<std::ptrdiff_t>(i),
                header.begin() + static_cast<std::ptrdiff_t>(next), no_operation);
    i = next;
  }
}

}  // namespace

bool must_not_fragment(const Packet& packet, std::uint32_t mtu_bytes) {
  const auto* ip = wire::header_at<Ipv4Header>(packet.network());
  if (!ip->has_dont_fragment()) return false;
  return packet.fragment_max_bytes == 0 || packet.fragment_max_bytes > mtu_bytes;
}

std::vector<Packet> fragment(const Packet& packet, std::uint32_t mtu_bytes) {
  const auto network = packet.network();
  const auto* whole = wire::header_at<Ipv4Header>(network);
  std::vector<std::uint8_t> header(
      network.begin(), network.begin() + static_cast<std::ptrdiff_t>(whole->header_bytes()));
  const auto payload = network.subspan(header.size());
  const std::uint32_t limit = packet.fragment_max_bytes != 0
                                  ? std::min(mtu_bytes, packet.fragment_max_bytes)
                                  : mtu_bytes;
  const std::size_t room = limit > header.size() ? limit - header.size() : 0;
  const Cut cut = cut_as_it_came(packet, *whole, payload.size(), room)
                      .value_or(cut_evenly(payload.size(), room));
  const bool keeps_df = packet.fragment_dont && !cut.original;
  const std::size_t base = whole->fragment_offset_bytes();

  std::vector<Packet> pieces;
  std::size_t at = 0;
  for (const std::size_t bytes : cut.pieces) {
    const bool more = at + bytes < payload.size() || whole->has_more_fragments();
    auto* ip = wire::header_at<Ipv4Header>(std::span(header));
    ip->total_length = static_cast<std::uint16_t>(header.size() + bytes);
    ip->fragment = static_cast<std::uint16_t>((base + at) / block_bytes |
                                              (more ? Ipv4Header::more_fragments : 0) |
                                              (keeps_df ? Ipv4Header::dont_fragment : 0));
    ip->checksum = wire::ipv4_header_checksum(header);
    std::vector<std::uint8_t> piece = header;
    const auto first = payload.begin() + static_cast<std::ptrdiff_t>(at);
    piece.insert(piece.end(), first, first + static_cast<std::ptrdiff_t>(bytes));
    Packet out = packet;
    out.fragment_max_bytes = 0;
    out.fragment_dont = false;
    out.fragment_payloads.clear();
    out.replace_network(piece);
    pieces.push_back(std::move(out));
    if (base + at == 0) blank_uncopied_options(header);
    at += bytes;
  }
  return pieces;
}

}  // namespace wayout::ip
