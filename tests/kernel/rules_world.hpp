// A router with rules, made twice: of our types, and in a network namespace.
//
//   client 10.0.1.2, .3 — c0 ═ in0 10.0.1.1/24 [router] out0 10.0.2.1/24 ═ s0 — server
//
// Both far ends (c0, s0) lie in the router's own namespace; what arrives there is addressed to MACs
// that nobody has, so the stack sees it only as a capture does.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "packet_socket.hpp"
#include "path/journey.hpp"

namespace wayout::kernel {

inline constexpr wire::MacAddress client_mac{{2, 0, 0, 0, 0, 0x11}};
inline constexpr wire::MacAddress server_mac{{2, 0, 0, 0, 0, 0x22}};
inline constexpr wire::MacAddress in_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr wire::MacAddress out_mac{{2, 0, 0, 0, 0, 2}};

/// Where a packet comes from.
enum class Origin : std::uint8_t { client, server, router };

/// A frame that left the router, towards the client or the server.
struct Seen {
  Origin towards = Origin::client;
  std::vector<std::uint8_t> frame;
  auto operator<=>(const Seen&) const = default;
};

/// What counts of a frame when two routers are compared: all, but the IP id of packets they made.
[[nodiscard]] std::vector<Seen> comparable(std::vector<Seen> frames);

/// The same frames without TCP and UDP ports, ICMP ids and the checksums over them.
[[nodiscard]] std::vector<Seen> without_ports(std::vector<Seen> frames);

/// A ruleset as iptables-restore takes it.
struct RulesText {
  netfilter::Backend backend = netfilter::Backend::legacy;
  std::string text;
};

/// The router in the kernel, in the namespace that the process is in.
class KernelRouter {
 public:
  KernelRouter();
  /// What iptables-restore has to say against it; "" when it loaded.
  std::string load(const RulesText& rules);
  /// Sets, in the words of `ipset save`, and what ipset has to say against them.
  static std::string load_sets(const std::string& text);
  /// What iptables-save -c prints, without comments; on a busy machine a dropped packet is counted
  /// a little late, so `expected` is waited for.
  [[nodiscard]] static std::string saved(netfilter::Backend backend,
                                         const std::string& expected = "");
  /// What conntrack -L prints, sorted, without the seconds left.
  [[nodiscard]] static std::vector<std::string> connections();

  /// `packet` is an IP packet.
  void send(Origin from, const std::vector<std::uint8_t>& packet) const;
  /// Everything that left since last time; waits until `expected` is there, and a moment for more.
  [[nodiscard]] std::vector<Seen> seen(const std::vector<Seen>& expected) const;

 private:
  void collect(std::vector<Seen>& frames) const;

  std::unique_ptr<PacketSocket> client_, server_;
  int raw_ = -1;  ///< closed with the process
};

/// The same router in the engine. The rules are those that the kernel has saved.
class EngineRouter {
 public:
  explicit EngineRouter(const std::vector<RulesText>& saved, std::uint32_t out_mtu_bytes = 1500,
                        const std::string& sets = "");

  void send(Origin from, const std::vector<std::uint8_t>& packet);
  /// Everything that left since last time.
  [[nodiscard]] std::vector<Seen> seen();
  /// The last packet needed a port by chance: the kernel's is another.
  [[nodiscard]] bool drew_port() const { return drew_port_; }
  [[nodiscard]] std::string saved(std::size_t ruleset) const;
  [[nodiscard]] std::vector<std::string> connections();
  /// How every packet ended since the last call, for the reader of a failure.
  [[nodiscard]] std::string told_ends();

 private:
  [[nodiscard]] std::int64_t elapsed_ms() const;

  std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  host::Machine machine_;
  Chance chance_{1};
  StepTrace trace_;
  std::unique_ptr<path::Journey> journey_;
  std::size_t departed_ = 0, ended_ = 0;
  bool drew_port_ = false;
};

}  // namespace wayout::kernel
