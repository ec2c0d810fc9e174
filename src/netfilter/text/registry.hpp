// The extensions of each theme; find_match() and find_target() look through all of them.
#pragma once

#include <span>

#include "netfilter/text/extension.hpp"

namespace wayout::netfilter::text {

std::span<const MatchExtension> packet_matches();
std::span<const MatchExtension> connection_matches();
std::span<const MatchExtension> place_matches();
std::span<const MatchExtension> history_matches();
std::span<const MatchExtension> kept_matches();
std::span<const MatchExtension> kept_v6_matches();
std::span<const MatchExtension> kept_long_matches();
std::span<const MatchExtension> kept_time_matches();
std::span<const TargetExtension> plain_targets();
std::span<const TargetExtension> nat_targets();
std::span<const TargetExtension> kept_targets();

}  // namespace wayout::netfilter::text
