// `-m limit`: one token bucket a rule.
#pragma once

#include <cstdint>
#include <optional>

#include "netfilter/rule.hpp"

namespace wayout::netfilter {

/// Its unit is the backend's: credits of xt_limit, nanoseconds of nft_limit. Full when the rule is
/// loaded, that is, when first asked.
struct LimitBucket {
  std::optional<std::int64_t> asked_last;  ///< jiffies or nanoseconds
  std::uint64_t credit = 0;
};

/// One packet asks for its token at `now_ms`: true when there is one.
/// Linux: net/netfilter/xt_limit.c limit_mt (HZ 250); net/netfilter/nft_limit.c nft_limit_eval.
bool take_token(LimitBucket& bucket, const LimitMatch& limit, Backend backend,
                std::int64_t now_ms);

}  // namespace wayout::netfilter
