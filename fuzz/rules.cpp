// iptables rules in any of their three formats, of either family: read, or refused at a place; what
// was read from a save prints to a save that reads as the same. (Not with quotes: iptables-save
// prints a quoted device name without them.)
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "netfilter/print.hpp"
#include "netfilter/read.hpp"

namespace {

using namespace wayout;

void read_and_print(std::string_view text, const netfilter::ReadOptions& options) {
  auto read = netfilter::read_rules(text, "rules", options);
  if (!read) {
    if (read.error().file != "rules" || read.error().line == 0) std::abort();
    return;
  }
  read->backend = netfilter::Backend::nft;  // legacy prints the tables of a file in reverse
  const std::string printed = netfilter::print_save(*read, true);
  const bool is_save = netfilter::detect_rules_format(text) == netfilter::RulesFormat::save;
  if (!is_save || text.find('"') != std::string_view::npos) return;
  auto again = netfilter::read_save(printed, "printed", options);
  if (!again || netfilter::print_save(*again, true) != printed) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_and_print(text, {});
  read_and_print(text, {.family = wire::Family::ipv6});
  return 0;
}
