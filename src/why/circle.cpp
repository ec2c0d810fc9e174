#include "why/circle.hpp"

#include <algorithm>

namespace wayout::why {

std::vector<Step> circle_of(const std::vector<Step>& steps, const path::JourneyEnd& end) {
  std::vector<Step> turn;
  if (end.stop.stage != Stage::ip_forward || end.stop.reason != DropReason::IP_INHDR) return turn;
  for (const Step& step : steps) {
    if (step.packet != end.packet.number || step.did != Did::routed) continue;
    if (!turn.empty() && turn.back().host == step.host) continue;
    const auto before = std::ranges::find(turn, step.host, &Step::host);
    if (before != turn.end()) return {before, turn.end()};
    turn.push_back(step);
  }
  return {};
}

}  // namespace wayout::why
