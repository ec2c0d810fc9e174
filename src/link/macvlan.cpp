#include "link/macvlan.hpp"

#include <optional>

namespace wayout::link {
namespace {

using Position = std::optional<std::size_t>;

/// Only children that are up are in the kernel's table of MACs.
Position find_mac(MacvlanChildren children, const wire::MacAddress& mac) {
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (children[i]->up && children[i]->mac == mac) return i;
  }
  return std::nullopt;
}

Position find_passthru(MacvlanChildren children) {
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (children[i]->up && children[i]->macvlan_mode == MacvlanMode::passthru) return i;
  }
  return std::nullopt;
}

template <class Wants>
std::vector<std::size_t> all_but(Position sender, MacvlanChildren children, Wants wants) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (children[i]->up && i != sender && wants(children[i]->macvlan_mode)) chosen.push_back(i);
  }
  return chosen;
}

/// Broadcast and multicast from the wire. One that a child sent has come back from a switch: then
/// only those get it that its mode did not already serve.
MacvlanReceivers receive_group(MacvlanChildren children, const wire::MacAddress& source) {
  const Position sender = find_mac(children, source);
  const auto mode = [&](std::size_t i) { return children[i]->macvlan_mode; };
  if (sender && mode(*sender) != MacvlanMode::vepa && mode(*sender) != MacvlanMode::bridge) {
    return {.children = {*sender}, .lower = false};
  }
  return {.children = all_but(sender, children, [&](MacvlanMode wanted) {
            if (!sender) return wanted != MacvlanMode::source;
            if (wanted == MacvlanMode::vepa) return true;
            return wanted == MacvlanMode::bridge && mode(*sender) == MacvlanMode::vepa;
          })};
}

}  // namespace

MacvlanReceivers macvlan_receive(MacvlanChildren children, const wire::EthernetHeader& ethernet) {
  if (ethernet.destination.is_multicast()) return receive_group(children, ethernet.source);
  Position taker = find_passthru(children);
  if (!taker) taker = find_mac(children, ethernet.destination);
  if (!taker || children[*taker]->macvlan_mode == MacvlanMode::source) return {};
  return {.children = {*taker}, .lower = false};
}

MacvlanReceivers macvlan_transmit(MacvlanChildren children, std::size_t sender,
                                  const wire::EthernetHeader& ethernet) {
  if (children[sender]->macvlan_mode != MacvlanMode::bridge) return {};
  if (ethernet.destination.is_multicast()) {
    return {.children = all_but(sender, children,
                                [](MacvlanMode mode) { return mode == MacvlanMode::bridge; })};
  }
  const Position sibling = find_mac(children, ethernet.destination);
  if (!sibling || children[*sibling]->macvlan_mode != MacvlanMode::bridge) return {};
  return {.children = {*sibling}, .lower = false};
}

}  // namespace wayout::link
