#include "packet/stop.hpp"

#include <array>
#include <cstddef>

namespace wayout {

std::string_view reason_name(DropReason reason) {
#define WAYOUT_X(name) , #name
  static constexpr auto names = std::to_array<std::string_view>({"" WAYOUT_DROP_REASONS(WAYOUT_X)});
#undef WAYOUT_X
  return names[static_cast<std::size_t>(reason)];
}

std::string_view stage_name(Stage stage) {
#define WAYOUT_X(name, function) , function
  static constexpr auto names = std::to_array<std::string_view>({"" WAYOUT_STAGES(WAYOUT_X)});
#undef WAYOUT_X
  return names[static_cast<std::size_t>(stage)];
}

}  // namespace wayout
