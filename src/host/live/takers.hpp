// IPsec policies, IPVS services, ebtables and native nft chains, as the kernel has them now.
#pragma once

#include <string>
#include <vector>

#include "host/device_book.hpp"
#include "host/host.hpp"
#include "host/nft.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

/// IPv4 policies of the namespace, into host.unmodelled. A kernel without IPsec has none.
void read_ipsec_policies(Host& host);

/// Virtual services of the namespace, into host.unmodelled.
[[nodiscard]] Result<void> read_ipvs(Host& host);

/// Legacy ebtables, into host.unmodelled. The tool is only run where a bridge is and a table is
/// loaded, because running it loads them. (ebtables-nft keeps its rules in nft tables.)
[[nodiscard]] Result<void> read_ebtables(Host& host);

/// What nf_tables holds in this namespace, asked without any tool.
struct NftTables {
  struct Table {
    std::string family, name;
    bool dormant = false;  ///< its chains are not registered
  };
  std::vector<Table> tables;
  std::vector<NftBaseChain> base_chains;
  [[nodiscard]] bool has_table_of_ip(std::string_view name) const;
  [[nodiscard]] bool is_dormant(const NftBaseChain& chain) const;
};
/// Empty when there is nothing, and on a kernel without nf_tables.
[[nodiscard]] Result<NftTables> read_nft_tables();

/// Native chains, into host.unmodelled: by running nft, or, where it is not installed, all base
/// chains of `tables` that iptables-save did not show. Call after the rules were read.
[[nodiscard]] Result<void> read_nft_chains(const NftTables& tables, Host& host,
                                           const DeviceBook& book);

}  // namespace wayout::host::live
