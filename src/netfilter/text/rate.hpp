// Rates of limit and hashlimit: `5/min`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wayout::netfilter::text {

struct Rate {
  std::uint64_t average = 0;    ///< what one packet costs: scale * unit / rate
  std::uint32_t unit_s = 1;     ///< the unit it was written in
};

/// `5`, `5/s`, `5/minute`, `5/M`: whole packets in a unit that any beginning of its name says.
/// Nothing when it is no rate, or faster than `scale` packets a second.
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text, std::uint64_t scale);

/// The unit in which iptables-save prints this average.
[[nodiscard]] std::uint32_t printed_unit_s(std::uint64_t average, std::uint64_t scale);
/// `5/min`.
[[nodiscard]] std::string rate_text(std::uint64_t average, std::uint64_t scale);

}  // namespace wayout::netfilter::text
