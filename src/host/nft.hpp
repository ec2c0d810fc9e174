// Native nftables chains: found and named, not modelled.
//
// Tables that iptables-nft keeps are read through iptables-save and passed over here. Of the other
// base chains those are named that may do something to a packet; a chain is passed over when
// nothing that can be reached from it can drop, reject, queue, translate, mark or redirect, and its
// policy accepts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// Devices of ingress and egress chains, by `netdev table chain`. nft before 1.0.8 leaves them out
/// of its JSON; they are taken from the plain listing.
using NftChainDevices = std::unordered_map<std::string, std::vector<std::string>>;
[[nodiscard]] NftChainDevices read_nft_chain_devices(const File& plain_listing);

/// One base chain that may do something to a packet. Hooks by nft's names: `forward`, `ingress`, …
struct NftBaseChain {
  std::string family, table, name, type, hook;
  std::int32_t priority = 0;
  bool drops = false;                ///< its policy
  std::vector<std::string> devices;  ///< of ingress and egress; empty: not known
};
/// Into host.unmodelled. A chain of devices that are all gone is none any more.
void add_nft_chain(const NftBaseChain& chain, Host& host, const DeviceBook& book);

/// iptables-save printed this table of family ip: it is wholly iptables-nft's own.
[[nodiscard]] bool is_table_of_iptables(std::string_view name, const Host& host);

/// `nft -j list ruleset` into host.unmodelled and host.conntrack_needed_by_nft. The devices and the
/// rules of iptables-nft must have been read. ip6 chains are passed over: IPv6 is not modelled.
[[nodiscard]] Result<void> read_nft_json(const File& file, const NftChainDevices& chain_devices,
                                         Host& host, const DeviceBook& book);

}  // namespace wayout::host
