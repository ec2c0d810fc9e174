// What `nft -j list ruleset` prints, of any content: read, or refused by the name of the file.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "host/nft.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wayout::host;
  const File file{"nft.json", std::string(reinterpret_cast<const char*>(data), size)};
  Host host;
  const DeviceBook book{host};
  const auto read = read_nft_json(file, read_nft_plain(file), host, book);
  if (!read && read.error().file != "nft.json") std::abort();
  return 0;
}
