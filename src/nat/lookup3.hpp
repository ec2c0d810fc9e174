// Bob Jenkins' lookup3 over 32-bit words (public domain, 2006), which spreads connections over the
// addresses of a NAT range: the same on every machine, so that it can be foretold.
#pragma once

#include <cstdint>
#include <span>

namespace wayout::nat {

/// `hashword` of lookup3; Linux has it as jhash2.
[[nodiscard]] std::uint32_t lookup3(std::span<const std::uint32_t> words, std::uint32_t seed);

}  // namespace wayout::nat
