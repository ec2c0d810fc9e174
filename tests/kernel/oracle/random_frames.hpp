// Frames that reach a host, made by chance from what it has sent so far: conversations, and what
// disturbs them.
#pragma once

#include <deque>
#include <random>
#include <span>
#include <vector>

#include "observed.hpp"
#include "random_host.hpp"
#include "wire/craft.hpp"

namespace wayout::oracle {

class RandomFrames {
 public:
  RandomFrames(std::mt19937& random, const World& world) : random_(random), world_(world) {}

  [[nodiscard]] InputFrame next();
  /// What the last frame set off: it will be answered, and ARP requests of it, too.
  void saw(const std::vector<LeftFrame>& frames);

 private:
  using Bytes = std::vector<std::uint8_t>;

  struct Flow {
    Station from;
    wire::IpAddress destination;
    std::uint8_t protocol = 0;
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint32_t sequence = 0;      ///< TCP: next of its own
    std::uint32_t acknowledge = 0;   ///< … and of the other side, as far as it was seen
    bool began = false;
  };
  /// An IP packet that left towards a station.
  struct Heard {
    std::string tap;
    wire::MacAddress from, to;
    Bytes packet;
  };

  unsigned below(unsigned n) { return random_() % n; }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <class T>
  T any_of(std::initializer_list<T> choices) {
    return choices.begin()[below(static_cast<unsigned>(choices.size()))];
  }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(static_cast<unsigned>(list.size()))];
  }

  const Leg& leg_of(const std::string& tap) const;
  Flow& begin_flow();
  wire::IpAddress somebody(const Station& except);
  Bytes packet_of(Flow& flow);
  Bytes tcp_of(Flow& flow, const wire::Ipv4Fields& ip);
  Bytes answer_to(const Heard& heard);
  Bytes tcp_answer_to(const wire::Ipv4Fields& ip, std::span<const std::uint8_t> segment);
  Bytes error_about(const Heard& heard);
  void spoil(Bytes& packet);
  void in_pieces(const InputFrame& whole);
  InputFrame from_station(const Station& station, const Bytes& packet);
  InputFrame arp_frame();

  std::mt19937& random_;
  const World& world_;
  std::vector<Flow> flows_;
  std::vector<Heard> heard_;         ///< latest last
  std::deque<InputFrame> due_;       ///< ARP answers, fragments
};

}  // namespace wayout::oracle
