// Conversations made by chance, step by step, from what the router has answered so far.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "conntrack/tuple.hpp"
#include "conversation.hpp"

namespace wayout::conversation {

/// Settings and NAT rules, then packets of a few flows that are mostly plausible: in order and in
/// the window, from either side, and now and then not.
class RandomConversation {
 public:
  explicit RandomConversation(std::uint32_t seed) : random_(seed) {}

  /// The steps before the first packet.
  [[nodiscard]] std::vector<std::string> opening();
  [[nodiscard]] std::string next();
  /// What the router made of the step that next() gave.
  void learn(const Answer& answer);

 private:
  struct Flow {
    conntrack::Tuple asked;              ///< as the client sends
    conntrack::Tuple outside;            ///< as it left the router
    bool left = false;                   ///< `outside` is known
    std::uint32_t sequence[2] = {0, 0};  ///< TCP: next of client, server
  };

  unsigned below(unsigned n) { return random_() % n; }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <class T>
  T any_of(std::initializer_list<T> choices) {
    return choices.begin()[below(static_cast<unsigned>(choices.size()))];
  }

  Flow& begin_flow();
  std::string packet_of(Flow& flow, bool from_client);
  std::string tcp_of(Flow& flow, bool from_client, const std::string& ends);
  std::string sctp_of(const Flow& flow, bool from_client, const std::string& ends);
  std::string tcp_flags(const Flow& flow, bool from_client);
  std::string error_about(Flow& flow);
  [[nodiscard]] static std::string ends_of(const conntrack::Tuple& tuple);

  std::mt19937 random_;
  std::vector<Flow> flows_;
  std::size_t current_ = 0;  ///< whose packet next() gave
  bool first_ = false;       ///< … which was one from the client
  bool zones_ = false;
};

}  // namespace wayout::conversation
