#include "netfilter/match.hpp"

#include <type_traits>
#include <variant>

namespace wayout::netfilter {

Outcome ask_port(const Situation& at, std::uint16_t port, const PortRange& asked, bool invert) {
  if (at.changes.chance.stand_in(port) == nullptr)
    return outcome((asked.low <= port && port <= asked.high) != invert);
  const PortSet accepted{asked};
  return ask_port(at, port, invert ? accepted.complement() : accepted);
}

Outcome ask_port(const Situation& at, std::uint16_t port, const PortSet& accepted) {
  const StandIn* unknown = at.changes.chance.stand_in(port);
  if (unknown == nullptr) return outcome(accepted.contains(port));
  if ((unknown->possible & accepted).empty()) return Outcome::no;
  if ((unknown->possible & accepted.complement()).empty()) return Outcome::yes;
  at.changes.state.doubts.push_back({port, accepted});
  return Outcome::unknown;
}

Outcome ask(const Match& match, std::size_t number, const Situation& at) {
  return std::visit(
      [&](const auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, CommentMatch>) {
          return Outcome::yes;
        } else if constexpr (std::is_same_v<Kind, LimitMatch>) {
          return ask(kind, number, at);
        } else {
          return ask(kind, at);
        }
      },
      match);
}

}  // namespace wayout::netfilter
