// Who led a packet astray, where the namespace in which it ended is not to blame, nor what ended it.
#pragma once

#include <optional>

#include "why/conversation.hpp"

namespace wayout::why {

/// Whose configuration is to blame, and what of it.
struct Culprit {
  std::uint32_t host = 0;
  Cause cause;
};

/// None: the packet went where it was to go.
[[nodiscard]] std::optional<Culprit> who_led_astray(const host::Machine& machine,
                                                    const Account& account);

}  // namespace wayout::why
