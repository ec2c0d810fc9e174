// Targets that stay in iptables-save's words: what those that are run do.
//
// As for matches (kept.hpp), compile() (hooks.hpp) reads the words once into these, and nothing else
// is looked at for a packet (target_kept.cpp, target_ways.cpp, target_set.cpp, synproxy.cpp).
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/address.hpp"

namespace wayout::netfilter {

/// TOS and DSCP: the octet becomes (tos & ~mask) ^ value.
struct TosChange { std::uint8_t value = 0, mask = 0; };
/// TTL.
struct TtlChange {
  enum class How : std::uint8_t { set, decrease, increase };
  How how = How::set;
  int by = 0;
};
/// TCPOPTSTRIP: options of these kinds become no-operations.
struct StripChange { std::bitset<256> kinds; };
/// ECN: these bits of the TOS octet, and of the TCP flags, become these values.
struct EcnChange {
  std::uint8_t ip_value = 0, ip_mask = 0;    ///< the two ECN bits; mask 0: as they are
  std::uint8_t tcp_value = 0, tcp_mask = 0;  ///< ECE 0x40, CWR 0x80
};
/// NFQUEUE and QUEUE: whoever reads the queue decides. Of several, a hash chooses.
struct QueueChange {
  std::uint16_t first = 0, last = 0;
  bool bypass = false;                       ///< what nobody reads is accepted
};
/// TEE: a copy goes to the gateway, through `device` where it names one that is there.
struct TeeChange {
  wire::IpAddress gateway;
  std::string device;
};
/// One set that SET speaks of, and which sides of the packet it takes.
struct SetUse {
  static constexpr std::uint32_t not_there = 0xffffffff;
  std::string set;
  std::vector<bool> source;                  ///< one a dimension: true = src, false = dst
  std::uint32_t position = not_there;        ///< in IpSets::list; by compile()
};
/// SET.
struct SetChange {
  std::optional<SetUse> add, remove, map;
  bool again = false;                        ///< --exist: what is there begins its time anew
  std::optional<std::uint32_t> timeout_s;
  bool map_mark = false;
};
/// TPROXY. Port 0: the packet's own; address 0.0.0.0: that of the device it came in by.
struct TproxyChange {
  std::uint16_t port = 0;
  wire::IpAddress address;
  std::uint32_t value = 0, mask = 0;         ///< (mark & ~mask) ^ value
};
/// SYNPROXY: which options of the SYN it takes over into its own.
struct SynproxyChange {
  bool sack = false, timestamp = false, ecn = false;
  std::optional<std::uint8_t> window_scale;
  std::uint16_t mss = 0;
};
/// HMARK: the mark is a hash of addresses and ports.
struct HmarkChange {
  std::uint32_t source_mask = 0xffffffff, destination_mask = 0xffffffff;
  std::uint16_t source_port_mask = 0, destination_port_mask = 0;
  std::uint16_t source_port_set = 0, destination_port_set = 0;
  std::uint8_t protocol_mask = 0;
  std::uint32_t seed = 0, modulus = 1, offset = 0;
  bool ports = false;                        ///< they are looked at: no method of layer 3
  bool of_connection = false;                ///< `--hmark-tuple ct`
};

/// Empty: it does nothing to the packet that we know of.
using KeptChange =
    std::variant<std::monostate, TosChange, TtlChange, StripChange, EcnChange, QueueChange,
                 TeeChange, SetChange, TproxyChange, SynproxyChange, HmarkChange>;

/// What a target of this name does with these words, which stand behind `-j name`.
[[nodiscard]] KeptChange kept_change(std::string_view name, const std::vector<std::string>& words);

}  // namespace wayout::netfilter
