#include "packet/packet.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "wire/headers.hpp"

namespace wayout {
namespace {

constexpr std::size_t macs_bytes = 12;  // what stands before a VLAN tag
constexpr std::size_t tag_bytes = 4;    // 0x8100 and the TCI

}  // namespace

Packet Packet::from_frame(std::span<const std::uint8_t> frame) {
  Packet packet;
  packet.set_frame(frame);
  return packet;
}

void Packet::set_frame(std::span<const std::uint8_t> frame) {
  place(frame);
  ethertype = 0;
  vlan_tci.reset();
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(std::as_const(*this).frame());
  if (ethernet == nullptr) {
    network_ = data_.size();
    return;
  }
  ethertype = ethernet->type;
  set_network_offset(sizeof(wire::EthernetHeader));
  untag();
}

Packet Packet::from_ip(std::span<const std::uint8_t> ip) {
  Packet packet;
  packet.place(ip);
  packet.network_ = packet.begin_;
  const unsigned version = ip.empty() ? 0 : ip[0] >> 4;
  packet.ethertype = version == 6 ? wire::ethertype::ipv6 : wire::ethertype::ipv4;
  packet.type = PacketType::outgoing;
  packet.local = true;
  return packet;
}

std::vector<std::uint8_t> Packet::on_wire() const {
  std::vector<std::uint8_t> bytes(frame().begin(), frame().end());
  if (vlan_tci && link_header_bytes() >= macs_bytes) {
    const std::uint8_t tag[tag_bytes] = {wire::ethertype::vlan >> 8, wire::ethertype::vlan & 0xff,
                                         static_cast<std::uint8_t>(*vlan_tci >> 8),
                                         static_cast<std::uint8_t>(*vlan_tci)};
    bytes.insert(bytes.begin() + macs_bytes, tag, tag + tag_bytes);
  }
  return bytes;
}

void Packet::untag() {
  const auto* tag = wire::header_at<wire::VlanTag>(network());
  if (ethertype != wire::ethertype::vlan || tag == nullptr) return;
  vlan_tci = tag->tci;
  ethertype = tag->type;
  // The MACs move over the tag; the type that followed it is now the frame's.
  const auto first = data_.begin() + static_cast<std::ptrdiff_t>(begin_);
  std::copy_backward(first, first + macs_bytes, first + macs_bytes + tag_bytes);
  begin_ += tag_bytes;
  network_ += tag_bytes;
}

void Packet::tag_in_bytes() {
  if (!vlan_tci) return;
  const std::vector<std::uint8_t> tagged = on_wire();
  set_link_header(std::span(tagged).first(link_header_bytes() + tag_bytes));
  set_network_offset(sizeof(wire::EthernetHeader));
  ethertype = wire::ethertype::vlan;
  vlan_tci.reset();
}

void Packet::trim_network(std::size_t length_bytes) {
  assert(network_ + length_bytes <= data_.size());
  data_.resize(network_ + length_bytes);
}

void Packet::extend_network(std::size_t length_bytes) {
  assert(network_ + length_bytes >= data_.size());
  data_.resize(network_ + length_bytes);
}

void Packet::set_link_header(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > network_) {
    const std::size_t missing = bytes.size() - network_;
    data_.insert(data_.begin(), missing, 0);
    network_ += missing;
  }
  begin_ = network_ - bytes.size();
  std::copy(bytes.begin(), bytes.end(), data_.begin() + static_cast<std::ptrdiff_t>(begin_));
}

void Packet::replace_network(std::span<const std::uint8_t> bytes) {
  data_.resize(network_);
  data_.insert(data_.end(), bytes.begin(), bytes.end());
}

void Packet::scrub(bool same_namespace) {
  type = PacketType::host;
  ingress = no_device;
  local = by_socket = any_source = false;
  assigned_by = {};
  routing = {};
  connection = no_connection;
  ctinfo = CtInfo::none;
  has_template_zone = false;
  zone_original = zone_reply = 0;
  bridge_port_in = bridge_port_out = no_device;
  hooks_done_at_bridge = bridged_dnat = arp_answered = false;
  bound = no_device;
  fragment_max_bytes = 0;
  fragment_dont = false;
  fragment_payloads.clear();
  if (same_namespace) return;
  mark = 0;
  sender = {};  // the socket stays with the packet, but is nobody's here
}

void Packet::place(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> data;
  data.reserve(headroom_bytes + bytes.size());
  data.resize(headroom_bytes);
  data.insert(data.end(), bytes.begin(), bytes.end());
  data_ = std::move(data);
  begin_ = headroom_bytes;
}

}  // namespace wayout
