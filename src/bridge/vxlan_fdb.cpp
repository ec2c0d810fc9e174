#include "bridge/vxlan_fdb.hpp"

namespace wayout::bridge {

std::vector<link::VxlanRemote> vxlan_remotes(const State& state, DeviceId vxlan,
                                             const wire::MacAddress& destination) {
  auto found = state.vxlan.find({vxlan, 0, destination});
  if (found == state.vxlan.end()) found = state.vxlan.find({vxlan, 0, {}});
  if (found == state.vxlan.end()) return {};
  return found->second.list;
}

Stop vxlan_learn(State& state, DeviceId vxlan, const link::Devices& devices,
                 const wire::MacAddress& source, const wire::IpAddress& remote) {
  const link::VxlanOptions& options = devices[vxlan].vxlan;
  if (!options.learning) return Stop::go_on();
  if (source.is_multicast() || source.is_zero()) {
    return Stop::drop(Stage::vxlan_rcv, DropReason::MAC_INVALID_SOURCE,
                      Cause::packet(PacketCause::header));
  }
  const auto [at, is_new] = state.vxlan.try_emplace({vxlan, 0, source});
  State::Remotes& remotes = at->second;
  if (!is_new && remotes.list.front().address == remote) return Stop::go_on();
  if (remotes.is_static) {
    return Stop::drop(Stage::vxlan_rcv, DropReason::VXLAN_ENTRY_EXISTS,
                      Cause::bridge(BridgeCause::static_fdb, vxlan));
  }
  remotes.list = {{remote, options.vni, options.port}};
  return Stop::go_on();
}

}  // namespace wayout::bridge
