#include "iptables.hpp"

#include <fmt/format.h>

#include <sstream>

#include "namespace.hpp"

namespace wayout::kernel {

const char* iptables_name(netfilter::Backend backend) {
  return backend == netfilter::Backend::nft ? "iptables-nft" : "iptables-legacy";
}

std::string saved_rules(netfilter::Backend backend) {
  std::istringstream lines(output_of(fmt::format("{}-save -c 2>/dev/null", iptables_name(backend))));
  std::string kept;
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with('#')) kept += line + "\n";
  return kept;
}

}  // namespace wayout::kernel
