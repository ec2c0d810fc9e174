// Names of the outside made harmless for a terminal.
//
// What is read is kept byte for byte; whoever prints it calls escaped().
#pragma once

#include <string>
#include <string_view>

namespace wayout::host {

/// `text` with every control character, DEL and byte that is not part of valid UTF-8 as `\xNN`,
/// and with C1 controls and bidirectional overrides (U+0080..9F, U+202A..E, U+2066..9) likewise.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace wayout::host
