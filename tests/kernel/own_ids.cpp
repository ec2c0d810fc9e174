#include "own_ids.hpp"

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::kernel {
namespace {

/// The id of what the stack makes (errors, resets, echo replies) is its own affair.
bool is_made_by_stack(const wire::Ipv4Header& ip, std::span<const std::uint8_t> transport) {
  if (ip.protocol == wire::protocol::tcp) {
    const auto* tcp = wire::header_at<wire::TcpHeader>(transport);
    return tcp != nullptr && (tcp->flags & wire::TcpHeader::rst) != 0;
  }
  const auto* icmp = wire::header_at<wire::IcmpHeader>(transport);
  return ip.protocol == wire::protocol::icmp && icmp != nullptr &&
         icmp->type != wire::IcmpHeader::echo_request;
}

/// An error about a reset that the stack had just made quotes it with half a checksum: the rest was
/// left to the device. Linux: CHECKSUM_PARTIAL.
void forget_checksum_of_quoted_reset(std::span<std::uint8_t> transport) {
  auto* icmp = wire::header_at<wire::IcmpHeader>(transport);
  const auto* quoted = wire::header_at<wire::Ipv4Header>(transport, sizeof(wire::IcmpHeader));
  if (icmp == nullptr || !icmp->is_error() || quoted == nullptr ||
      quoted->protocol != wire::protocol::tcp)
    return;
  auto* tcp = wire::header_at<wire::TcpHeader>(transport,
                                               sizeof(wire::IcmpHeader) + quoted->header_bytes());
  if (tcp == nullptr || (tcp->flags & wire::TcpHeader::rst) == 0) return;
  tcp->checksum = 0;
  icmp->checksum = 0;
}

}  // namespace

void forget_own_ids(std::span<std::uint8_t> frame) {
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(frame);
  if (ethernet == nullptr || ethernet->type != wire::ethertype::ipv4) return;
  const std::span<std::uint8_t> bytes = frame.subspan(sizeof(wire::EthernetHeader));
  auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  if (ip == nullptr || ip->header_bytes() > bytes.size() ||
      !is_made_by_stack(*ip, bytes.subspan(ip->header_bytes())))
    return;
  if (wire::checksum_finish(wire::checksum_add(bytes.first(ip->header_bytes()))) != 0) return;
  ip->checksum = wire::checksum_update16(ip->checksum, ip->id, 0);
  ip->id = 0;
  if (ip->protocol == wire::protocol::icmp)
    forget_checksum_of_quoted_reset(bytes.subspan(ip->header_bytes()));
}

}  // namespace wayout::kernel
