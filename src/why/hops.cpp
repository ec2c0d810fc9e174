#include "why/hops.hpp"

#include "nat/map.hpp"

namespace wayout::why {

std::vector<Hop> hops_of(const host::Machine& machine, const Account& account,
                         std::uint32_t packet) {
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  std::vector<Hop> hops;
  wire::IpAddress source = account.asked.source;
  for (const Step& step : account.steps) {
    if (step.packet != packet) continue;
    if (step.did == Did::translated && step.value == of_source) source = step.address;
    const bool is_here = !hops.empty() && hops.back().decision.host == step.host;
    if (step.did == Did::routed && !is_here) {
      hops.push_back({step, no_device, source});
    } else if (step.did == Did::routed && hops.back().decision.device != no_device &&
               machine.hosts[step.host].interfaces[hops.back().decision.device].loopback) {
      hops.back().decision = step;
    }
    if (!hops.empty() && hops.back().decision.host == step.host) {
      hops.back().source = source;
      if (step.did == Did::source_validated && hops.back().ingress == no_device)
        hops.back().ingress = step.device;
    }
  }
  return hops;
}

DeviceId came_in_by(const Account& account, std::uint32_t host) {
  for (const Step& step : account.steps)
    if (step.host == host && step.packet == account.legs.front().packet &&
        step.did == Did::source_validated)
      return step.device;
  return no_device;
}

}  // namespace wayout::why
