// What looks wrong on the way: remarks about configuration that the packets met.
//
// A remark never changes the verdict. It points at what one would stumble over next: a rule that
// names a device or a set that does not exist, a prefix that misses the container, an ACCEPT behind
// a REJECT, MASQUERADE behind another SNAT, counters that contradict the story.
#pragma once

#include <string>
#include <vector>

#include "host/host.hpp"
#include "why/conversation.hpp"
#include "why/question.hpp"

namespace wayout::why {

struct Remark {
  std::uint32_t host = 0;
  std::string line;    ///< the configuration line it is about
  std::string text;    ///< what is odd about it
};

/// A DNAT rule that asks neither where a packet came in nor whom it was for, of a packet for none of
/// this host's addresses: meant for what is published here, it catches what goes to anybody.
/// In a chain of one's own it is not: the rules that lead there say whom it is for (kube-proxy's do).
[[nodiscard]] bool takes_what_is_for_others(const host::Host& host, RuleRef ref,
                                            const wire::IpAddress& destination);

/// A DNAT or REDIRECT rule that publishes what was asked for, whatever addresses it asks for.
[[nodiscard]] bool publishes(const netfilter::Rule& rule, const Question& question);

/// Whom the probe was for when this step met it: an earlier rule, here or on another host, may have
/// given it another destination than the one asked for.
[[nodiscard]] wire::IpAddress destination_before(const Account& account, const Step& step);

/// Only chains and hosts that the conversation met are looked at.
[[nodiscard]] std::vector<Remark> lint(const host::Machine& machine, const Question& question,
                                       const Account& account);

}  // namespace wayout::why
