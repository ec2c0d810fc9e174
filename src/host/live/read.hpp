// This machine as it is now.
//
// Namespaces are found first (namespaces.hpp), then their devices are listed to see which are
// joined by veth, macvlan, VXLAN and their kin; only those that the question can reach are read in
// full, several at a time. Rules come from the installed iptables-save and its kin, which are run
// in a namespace only when its kernel tables hold anything.
#pragma once

#include <string>
#include <vector>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

struct ReadOptions {
  /// Whom the question is about, as find_namespace() takes them: these and all namespaces that
  /// their devices lead to are read, besides the caller's own. Empty: all that the caller's own
  /// leads to.
  std::vector<std::string> about;
};

/// hosts[0] is the caller's own namespace. Fails when something named does not exist, when rights
/// are missing to enter or read a namespace, or when a tool fails.
[[nodiscard]] Result<Machine> read(const ReadOptions& options = {});

}  // namespace wayout::host::live
