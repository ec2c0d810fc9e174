// An account in a few words: its heading, and what the sender's program saw of it.
#pragma once

#include <string>

#include "host/host.hpp"
#include "why/conversation.hpp"
#include "why/question.hpp"

namespace wayout::why {

/// What ended it, as a part of a sentence: `packets that come in on br0 are not forwarded
/// (net.ipv4.ip_forward = 0)`. Only for accounts that dropped.
[[nodiscard]] std::string what_ended(const host::Machine& machine, const Account& account);

/// What the sender's program is told: an ICMP error or a reset as tcpdump prints it, the error that
/// its own namespace returns, or "" while it waits in vain.
[[nodiscard]] std::string what_sender_sees(const host::Machine& machine, const Account& account,
                                           const Question& question);

}  // namespace wayout::why
