// Everything on the way that is not a function of the packet and the configuration.
//
// A stage that meets a coin (a random port, a `limit` bucket whose fill nobody knows, an unmodelled
// match, one of several equal routes) asks here. In Mode::draw the answer comes from a seeded
// generator: the same seed gives the same bytes. In Mode::explore it comes from a script, and the
// questions are kept, so that `why` can follow every outcome and see whether they differ.
//
// Not here: time. It is a member of host::State.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "packet/port_set.hpp"
#include "packet/stop.hpp"

namespace wayout {

/// One question that was asked, and the answer that was followed.
struct Choice {
  Cause asked_by;             ///< rule, route, unmodelled …
  std::uint32_t host = 0;     ///< whose configuration that points into
  std::uint32_t options = 2;  ///< how many outcomes there are
  std::uint32_t taken = 0;
  std::uint64_t flow = 0;     ///< of choose_for(); 0: the outcome was this packet's alone
  Cause unknown_by = {};      ///< of a StandIn that it depends on; none: on no one
  std::uint32_t unknown_host = 0;  ///< whose configuration that points into
};

/// A port (ICMP: an id) that a packet carries although nobody knows it: the number stands for all
/// that are possible, wherever it is met, in packets, in connections and in what they quote.
struct StandIn {
  std::uint16_t number = 0;
  PortSet possible;           ///< what it can be by now: decisions narrow it
  Cause by;                   ///< who takes it: a NAT rule, or the asking program's socket
  std::uint32_t host = 0;     ///< whose configuration that points into
};

class Chance {
 public:
  enum class Mode : std::uint8_t { draw, explore };

  explicit Chance(std::uint64_t seed = 1) : mode_(Mode::draw), seed_(seed), generator_(seed) {}
  /// Follow `script`; beyond its end take option 0.
  explicit Chance(std::vector<std::uint32_t> script)
      : mode_(Mode::explore), script_(std::move(script)) {}

  /// True: outcomes that depend on unknown history must be asked for with choose().
  [[nodiscard]] bool explores() const { return mode_ == Mode::explore; }

  /// An outcome in [0, options). `asked_by` is what the answer will blame.
  std::uint32_t choose(Cause asked_by, std::uint32_t options);
  /// The same where the outcome depends on `number`, a StandIn's.
  std::uint32_t choose_about(std::uint16_t number, Cause asked_by, std::uint32_t options);
  /// The same for what the kernel takes from a hash: all packets with this hash of their flow, not
  /// 0, get one outcome.
  std::uint32_t choose_for(std::uint64_t flow, Cause asked_by, std::uint32_t options);
  /// From here on `number` stands for one of `possible`, which `by` takes. Nothing for a single one,
  /// and in Mode::draw, where every number is what it is.
  void let_stand(std::uint16_t number, const PortSet& possible, Cause by);
  /// Null: the number is itself.
  [[nodiscard]] const StandIn* stand_in(std::uint16_t number) const;
  /// It is one of these only.
  void narrow(std::uint16_t number, const PortSet& to);
  /// Whether `number` is among `accepted`; where it stands for some that are and some that are not,
  /// both are followed.
  bool is_among(std::uint16_t number, const PortSet& accepted, Cause asked_by);
  /// In Mode::explore.
  [[nodiscard]] const std::vector<StandIn>& stand_ins() const { return stand_ins_; }

  /// Where a search through `count` ports from `first` on begins: 16 uniform random bits; in
  /// Mode::explore a fixed sequence: what is drawn then is a StandIn.
  std::uint16_t port_offset(std::uint32_t first, std::uint32_t count);
  /// Searches that can begin at one of these ports do. For who knows what was drawn elsewhere, and
  /// asks whether that can be.
  void expect(std::vector<std::uint16_t> ports) { expected_ = std::move(ports); }
  /// How many ports were searched for by chance.
  [[nodiscard]] std::uint64_t port_searches() const { return port_searches_; }

  /// Questions from here on come from this host (position in Machine::hosts).
  void on_host(std::uint32_t host) { host_ = host; }
  /// In Mode::explore.
  [[nodiscard]] const std::vector<Choice>& asked() const { return asked_; }

 private:
  std::uint32_t follow_script(const Choice& choice);

  Mode mode_;
  std::uint64_t seed_ = 1;
  std::uint32_t host_ = 0;
  std::vector<std::uint32_t> script_;
  std::vector<Choice> asked_;
  std::vector<StandIn> stand_ins_;
  std::vector<std::uint16_t> expected_;
  std::uint64_t port_searches_ = 0;
  std::mt19937_64 generator_{1};
};

}  // namespace wayout
