#include "netfilter/match.hpp"

#include <type_traits>
#include <variant>

namespace wayout::netfilter {

Outcome ask(const Match& match, std::size_t number, const Situation& at) {
  return std::visit(
      [&](const auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, CommentMatch>) {
          return Outcome::yes;
        } else if constexpr (std::is_same_v<Kind, UnmodelledMatch>) {
          return Outcome::unknown;
        } else if constexpr (std::is_same_v<Kind, LimitMatch>) {
          return ask(kind, number, at);
        } else {
          return ask(kind, at);
        }
      },
      match);
}

}  // namespace wayout::netfilter
