#include "netfilter/kept_words.hpp"

#include <charconv>

namespace wayout::netfilter {

std::optional<std::uint32_t> cut_number(std::string_view& text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<std::uint32_t> number(std::string_view text) {
  const auto value = cut_number(text);
  return text.empty() ? value : std::nullopt;
}

std::optional<KeptOption> option(const KeptWords& words, std::string_view name) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != name) continue;
    KeptOption found{.invert = i > 0 && words[i - 1] == "!"};
    if (i + 1 < words.size() && words[i + 1] != "!" && !words[i + 1].starts_with("--"))
      found.value = words[i + 1];
    return found;
  }
  return std::nullopt;
}

}  // namespace wayout::netfilter
