// What two stacks are free to choose in a frame that they made themselves.
#pragma once

#include <cstdint>
#include <span>

namespace wayout::kernel {

/// The IP id of errors, resets and echo answers becomes 0, the header's checksum with it; a header
/// whose checksum is wrong stays as it is, so that it shows. Of an error that quotes a reset the
/// checksums go as well: it may have been quoted before the device filled its own in.
void forget_own_ids(std::span<std::uint8_t> frame);

}  // namespace wayout::kernel
