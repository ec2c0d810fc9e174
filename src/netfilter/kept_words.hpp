// The words of what is kept, one option at a time: shared by what matches ask and what targets do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wayout::netfilter {

using KeptWords = std::vector<std::string>;

/// One option of a kept match or target, with the word behind it.
struct KeptOption {
  bool invert = false;
  std::string_view value = {};  ///< empty: none
};

/// `10` or `0x0a` at the beginning of `text`, which is cut behind it.
std::optional<std::uint32_t> cut_number(std::string_view& text);
/// The whole text is a number.
std::optional<std::uint32_t> number(std::string_view text);
/// None: the words do not have this option.
std::optional<KeptOption> option(const KeptWords& words, std::string_view name);

}  // namespace wayout::netfilter
