#include "listed.hpp"

#include <cstdlib>
#include <sstream>

#include "conntrack/listing.hpp"

namespace wayout::oracle {
namespace {

constexpr std::string_view timeout_word = " timeout=";

}  // namespace

std::string listed(const conntrack::Connection& connection, std::int64_t now_ms) {
  std::istringstream words(
      conntrack::print_connection(connection, conntrack::ListingFormat::plain, now_ms));
  constexpr int timeout_place = 2;
  std::string line, word, timeout;
  for (int place = 0; words >> word; ++place) {
    if (place == timeout_place) timeout = word;
    else if (!word.starts_with("use=")) line += (line.empty() ? "" : " ") + word;
  }
  return line + std::string(timeout_word) + timeout;
}

bool same_but_for_a_second(const std::string& a, const std::string& b) {
  const std::size_t at = a.rfind(timeout_word);
  if (at == std::string::npos || b.compare(0, at, a, 0, at) != 0) return a == b;
  if (b.compare(at, timeout_word.size(), timeout_word) != 0) return false;
  const long seconds_a = std::strtol(a.c_str() + at + timeout_word.size(), nullptr, 10);
  const long seconds_b = std::strtol(b.c_str() + at + timeout_word.size(), nullptr, 10);
  return std::labs(seconds_a - seconds_b) <= 1;
}

}  // namespace wayout::oracle
