// What changes in a namespace while packets walk through it.
//
// Life: made from a Host by initial_state(), changed by the stages, thrown away with the journey.
// Time is here and never read from a clock; chance is handed to the stages separately, because one
// source serves all namespaces of a journey.
#pragma once

#include <cstdint>

#include "bridge/bridge.hpp"
#include "conntrack/table.hpp"
#include "host/host.hpp"
#include "ip/defrag.hpp"
#include "ip/ratelimit.hpp"
#include "link/neighbour.hpp"
#include "netfilter/evaluate.hpp"

namespace wayout::host {

struct State {
  conntrack::Table connections;
  bridge::State bridges;
  link::NeighbourState neighbours;
  netfilter::State rules;
  ip::Fragments fragments;
  ip::IcmpBuckets icmp;
  std::int64_t now_ms = 0;
};

/// The state in which a namespace was read: known neighbours, listed connections, the bridges'
/// forwarding databases, the rules' counters. `now_ms` is the moment of reading in virtual time;
/// the time that connections have left counts from it.
[[nodiscard]] State initial_state(const Host& host, std::int64_t now_ms = 0);

}  // namespace wayout::host
