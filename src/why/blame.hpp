// Who is to blame, where the packet's end is only the messenger.
//
// A namespace that has no way back to an address nobody translated is not at fault, nor is one that
// does not forward what should not have been sent there. The account keeps where and how the packet
// ended; its cause becomes that of the host which made it so.
#pragma once

#include "host/host.hpp"
#include "why/conversation.hpp"

namespace wayout::why {

/// Correct the cause of a dropped packet. Changes account.end.cause_host and account.end.stop.cause.
void blame(const host::Machine& machine, Account& account);

}  // namespace wayout::why
