// A connection listing of any content is read or refused; what was read prints to lines that read
// as the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "conntrack/listing.hpp"

namespace {

using namespace wayout::conntrack;

std::string print(const std::vector<Connection>& connections) {
  std::string text;
  for (const Connection& connection : connections)
    text += print_connection(connection, ListingFormat::extended, 0) + "\n";
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = read_listing({reinterpret_cast<const char*>(data), size}, "listing");
  if (!read) return 0;
  const std::string text = print(*read);
  const auto again = read_listing(text, "listing");
  if (!again || print(*again) != text) std::abort();
  return 0;
}
