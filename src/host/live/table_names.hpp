// The names that this machine gives to routing tables.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace wayout::host::live {

/// By number, from rt_tables and rt_tables.d of iproute2, without those that every machine has
/// (local, main, default). The later file wins, as in iproute2.
[[nodiscard]] std::unordered_map<std::uint32_t, std::string> read_table_names();

}  // namespace wayout::host::live
