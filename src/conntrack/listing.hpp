// Connections as text: the lines of `conntrack -L`, `conntrack -L -o extended` and
// /proc/net/nf_conntrack, read and printed.
//
// A listing does not show everything: TCP windows, SCTP tags, MASQUERADE's device, which rule
// mapped the connection. What is read is liberal there (see connection.hpp). Seconds are printed
// rounded down; an entry that was read lives until the end of its last second.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conntrack/connection.hpp"
#include "wayout/result.hpp"

namespace wayout::conntrack {

enum class ListingFormat : std::uint8_t {
  plain,     ///< conntrack -L
  extended,  ///< conntrack -L -o extended
  procfs,    ///< /proc/net/nf_conntrack
};

/// The entries of a listing in any of the formats, all `preexisting`; times count from the moment
/// of the listing as 0. Empty lines and conntrack's closing line are skipped; words that are not
/// known are kept in Listed::rest. Fails at a line that is no entry, with its place.
[[nodiscard]] Result<std::vector<Connection>> read_listing(std::string_view text,
                                                           std::string_view file);

/// One line without line end, as conntrack 1.4.7 or the kernel prints it at `now_ms`.
[[nodiscard]] std::string print_connection(const Connection& connection, ListingFormat format,
                                           std::int64_t now_ms);

/// `SYN_SENT`, as listings and `-m conntrack` name it.
[[nodiscard]] std::string_view state_name(TcpState state);
[[nodiscard]] std::string_view state_name(SctpState state);

}  // namespace wayout::conntrack
