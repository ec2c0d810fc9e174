#include "netfilter/text/parts.hpp"

#include <variant>

namespace wayout::netfilter::text {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

void append(std::string& out, const Match& match, wire::Family family) {
  std::visit(Overloaded{[&](const IcmpMatch& m) { append(out, m, family); },
                        [&](const auto& m) { append(out, m); }},
             match);
}

void append(std::string& out, const Target& target) {
  std::visit(Overloaded{[](const NoTarget&) {}, [&](const AcceptTarget&) { out += " -j ACCEPT"; },
                        [&](const DropTarget&) { out += " -j DROP"; },
                        [&](const ReturnTarget&) { out += " -j RETURN"; },
                        [&](const JumpTarget& t) {
                          out += t.is_goto ? " -g " : " -j ";
                          out += t.name;
                        },
                        [&](const auto& t) { append(out, t); }},
             target);
}

}  // namespace wayout::netfilter::text
