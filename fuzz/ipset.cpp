// What ipset prints, of any content: read, or refused at a place; the sets can be asked.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "netfilter/read_ipset.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wayout::netfilter;
  const auto read = read_ipset({reinterpret_cast<const char*>(data), size}, "sets");
  if (!read) {
    if (read.error().file != "sets" || read.error().line == 0) std::abort();
    return 0;
  }
  const SetQuestion packet{.source = wayout::wire::IpAddress::v4(10, 0, 1, 2),
                           .destination = wayout::wire::IpAddress::v4(8, 8, 8, 8),
                           .protocol = 6,
                           .source_port = 1000,
                           .destination_port = 80,
                           .ingress = "eth0"};
  for (const IpSet& set : read.value().list)
    for (const bool source : {true, false})
      (void)ipset_contains(read.value(), set, {.set = set.name, .source = {source, source, source}},
                           packet);
  return 0;
}
