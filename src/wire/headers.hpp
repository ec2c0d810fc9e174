// Headers as they lie in a frame: Ethernet, VLAN, ARP, IPv4, IPv6, TCP, UDP, ICMP, VXLAN.
//
// Plain layouts over bytes (see header_at); field values read and assign in host order. Nothing
// here checks a value: that is the business of the stages, each of which ends packets by name.
#pragma once

#include <array>
#include <cstdint>

#include "wire/address.hpp"
#include "wire/bytes.hpp"

namespace wayout::wire {

namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800, arp = 0x0806, vlan = 0x8100, qinq = 0x88a8,
                               ipv6 = 0x86dd, pppoe_session = 0x8864;
}
namespace protocol {
inline constexpr std::uint8_t icmp = 1, igmp = 2, tcp = 6, udp = 17, dccp = 33, gre = 47, esp = 50,
                              ah = 51, icmpv6 = 58, sctp = 132, udplite = 136;
}

struct EthernetHeader {
  MacAddress destination, source;
  be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

/// What follows the two MACs in a tagged frame, after the 0x8100.
struct VlanTag {
  be16 tci;   ///< priority 3 bits, DEI 1, VLAN id 12
  be16 type;  ///< of what follows
};

struct ArpHeader {
  static constexpr std::uint16_t request = 1, reply = 2;
  be16 hardware, protocol;
  std::uint8_t hardware_length, protocol_length;
  be16 operation;
  MacAddress sender_mac;
  be32 sender_ip;
  MacAddress target_mac;
  be32 target_ip;
};
static_assert(sizeof(ArpHeader) == 28);

struct Ipv4Header {
  static constexpr std::uint16_t dont_fragment = 0x4000, more_fragments = 0x2000,
                                 offset_mask = 0x1fff;
  std::uint8_t version_ihl;
  std::uint8_t tos;
  be16 total_length;
  be16 id;
  be16 fragment;      ///< flags and offset in units of 8 bytes
  std::uint8_t ttl;
  std::uint8_t protocol;
  be16 checksum;
  be32 source, destination;

  [[nodiscard]] unsigned version() const { return version_ihl >> 4; }
  [[nodiscard]] std::size_t header_bytes() const { return static_cast<std::size_t>(version_ihl & 0xf) * 4; }
  [[nodiscard]] std::size_t fragment_offset_bytes() const {
    return static_cast<std::size_t>(fragment & offset_mask) * 8;
  }
  [[nodiscard]] bool has_dont_fragment() const { return (fragment & dont_fragment) != 0; }
  [[nodiscard]] bool has_more_fragments() const { return (fragment & more_fragments) != 0; }
  [[nodiscard]] bool is_fragment() const { return (fragment & (more_fragments | offset_mask)) != 0; }
  [[nodiscard]] IpAddress source_address() const { return IpAddress::v4(source); }
  [[nodiscard]] IpAddress destination_address() const { return IpAddress::v4(destination); }
};
static_assert(sizeof(Ipv4Header) == 20);

struct Ipv6Header {
  be32 version_class_flow;
  be16 payload_length;  ///< of what follows this header
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::array<std::uint8_t, 16> source, destination;

  [[nodiscard]] IpAddress source_address() const { return IpAddress::v6(source); }
  [[nodiscard]] IpAddress destination_address() const { return IpAddress::v6(destination); }
};
static_assert(sizeof(Ipv6Header) == 40);

struct TcpHeader {
  static constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64,
                                cwr = 128;
  be16 source_port, destination_port;
  be32 sequence, acknowledgement;
  std::uint8_t offset_reserved;
  std::uint8_t flags;
  be16 window;
  be16 checksum;
  be16 urgent;

  [[nodiscard]] std::size_t header_bytes() const { return static_cast<std::size_t>(offset_reserved >> 4) * 4; }
};
static_assert(sizeof(TcpHeader) == 20);

struct UdpHeader {
  be16 source_port, destination_port, length, checksum;
};
static_assert(sizeof(UdpHeader) == 8);

struct IcmpHeader {
  static constexpr std::uint8_t echo_reply = 0, unreachable = 3, source_quench = 4, redirect = 5,
                                echo_request = 8, time_exceeded = 11, parameter_problem = 12,
                                timestamp = 13, timestamp_reply = 14;
  std::uint8_t type, code;
  be16 checksum;
  be16 id;        ///< echo; errors: unused or pointer
  be16 sequence;  ///< echo; unreachable/4: next-hop MTU

  /// An error message quotes the packet it is about.
  [[nodiscard]] bool is_error() const {
    return type == unreachable || type == source_quench || type == redirect ||
           type == time_exceeded || type == parameter_problem;
  }
};
static_assert(sizeof(IcmpHeader) == 8);

/// RFC 9260, 3.1.
struct SctpHeader {
  be16 source_port, destination_port;
  be32 tag;
  le32 checksum;  ///< CRC32c
};
static_assert(sizeof(SctpHeader) == 12);

struct VxlanHeader {
  static constexpr std::uint8_t valid_vni = 0x08;
  std::uint8_t flags;
  std::uint8_t reserved[3];
  be32 vni_reserved;  ///< VNI in the upper 24 bits
  [[nodiscard]] std::uint32_t vni() const { return vni_reserved >> 8; }
};
static_assert(sizeof(VxlanHeader) == 8);

}  // namespace wayout::wire
