// What the stages tell of a packet while it walks.
//
// A Step is plain data: which stage, what it did, on which device, by which line of configuration.
// The sentences are made in why/. A Trace is whatever has `tells` and `step(const Step&)`: NoTrace
// compiles to nothing, StepTrace keeps everything. Stages are templates over it, instantiated for
// these two in their .cpp. What makes the outcome uncertain is kept whoever listens: assume().
#pragma once

#include <concepts>
#include <vector>

#include "packet/stop.hpp"
#include "wire/address.hpp"

namespace wayout {

enum class Did : std::uint8_t {
  received,          ///< device
  sent,              ///< device: the frame left through it
  learned,           ///< device: port on which the source MAC was learned
  bridged,           ///< device: from, other: to port
  flooded,           ///< device: from, value: copies
  passed_over,       ///< device: from, other: a port that a flood left out; by: why
  passed_up,         ///< bridge or lower device: to the stack as device `other`
  tracked,           ///< value: CtInfo; by: conntrack entry when it existed before; port: for an
                     ///< INVALID packet conntrack::Invalid, why
  rule_matched,      ///< by: rule; value: RuleEffect
  rule_missed,       ///< by: rule; value: which part failed, see netfilter/evaluate.hpp
  policy_applied,    ///< by: policy; value: RuleEffect
  translated,        ///< by: the rule, or the entry; address, port: new; value: Manip
  kept,              ///< nat: mapping asked for, nothing had to change (address, port: as they are)
  routed,            ///< by: route; device: egress; address: next hop; value: RouteType
  source_chosen,     ///< address: source of a local packet; device
  source_validated,  ///< by: rp_filter sysctl, or none when off; device: ingress
  decremented,       ///< value: new TTL
  rewritten,         ///< by: rule; mark, TOS, MSS, …; value: the new value
  fragmented,        ///< value: pieces
  reassembled,       ///< value: bytes
  resolved,          ///< address, device: neighbour known
  assumed_resolved,  ///< address, device: neighbour outside this machine, taken to answer
  asked_neighbour,   ///< address, device: ARP request sent, packet waits
  assumed,           ///< by: what is not known; value: the outcome followed
  ended,             ///< the Stop
};

struct Step {
  Stage stage = Stage::none;
  Did did = Did::ended;
  Hook hook = Hook::prerouting;
  Fate fate = Fate::on_its_way;             ///< Did::ended
  DropReason reason = DropReason::none;     ///< Did::ended
  std::uint16_t port = 0;
  DeviceId device = no_device;
  DeviceId other = no_device;
  std::uint32_t value = 0;
  Cause by{};
  wire::IpAddress address{};
  std::uint32_t packet = 0;                 ///< Packet::number
  std::uint32_t host = 0;                   ///< set by the Journey: position in Machine::hosts
};

template <class T>
concept Trace = requires(T trace, const Step& step) {
  { T::tells } -> std::convertible_to<bool>;
  trace.step(step);
};

/// Tells nothing and costs nothing.
struct NoTrace {
  static constexpr bool tells = false;
  void step(const Step&) {}
};

/// Keeps every step in order.
class StepTrace {
 public:
  static constexpr bool tells = true;
  void step(const Step& step) {
    steps_.push_back(step);
    steps_.back().host = host_;
  }
  /// Forget what was told.
  void clear() { steps_.clear(); }
  /// Steps from here on happen on this host.
  void on_host(std::uint32_t host) { host_ = host; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
  std::uint32_t host_ = 0;
};

/// Something that the packet met was not known, or is not modelled, and an outcome was taken: so
/// its end is not sure, whatever it is.
struct Assumption {
  std::uint32_t packet = 0;  ///< Packet::number
  Cause by{};                ///< what is not known
  bool operator==(const Assumption&) const = default;
};

/// Keep what `step`, a Did::assumed, says was assumed, and tell it to those who listen.
template <Trace T>
void assume(const Step& step, std::vector<Assumption>& assumed, T& trace) {
  assumed.push_back({step.packet, step.by});
  if constexpr (T::tells) trace.step(step);
}

}  // namespace wayout
