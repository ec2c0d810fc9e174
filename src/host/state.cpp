#include "host/state.hpp"

namespace wayout::host {

namespace {

link::NeighbourState known_neighbours(const Host& host) {
  link::NeighbourState known;
  for (const link::Neighbour& neighbour : host.neighbours) {
    if (neighbour.proxy) continue;
    link::NeighbourState::Entry& entry = known.entries[{neighbour.device, neighbour.address}];
    entry.state = neighbour.state;
    entry.mac = neighbour.mac;
  }
  return known;
}

}  // namespace

State initial_state(const Host& host, std::int64_t now_ms) {
  State state;
  state.now_ms = now_ms;
  state.neighbours = known_neighbours(host);
  state.bridges = bridge::initial_state(host.bridging, host.devices, now_ms);
  state.rules = netfilter::initial_state(host.netfilter);
  for (conntrack::Connection connection : host.connections) {
    connection.expires_ms += now_ms;
    connection.preexisting = true;
    state.connections.insert(connection);
  }
  return state;
}

}  // namespace wayout::host
