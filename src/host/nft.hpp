// Native nftables chains: found and named, not modelled.
//
// Tables that iptables-nft keeps are read through iptables-save and passed over here. Of the other
// base chains those are named that may do something to a packet. A chain of which nothing that can
// be reached can drop, reject, queue, translate, mark or redirect, and whose policy accepts, is
// named as one that passes; if it is empty, not at all.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// What nft leaves out of its JSON (before 1.0.8), from the plain listing or the kernel.
struct NftPlain {
  /// Of ingress and egress chains, by `netdev table chain`.
  std::unordered_map<std::string, std::vector<std::string>> chain_devices;
  std::set<std::string> dormant_tables;  ///< `inet table`: their chains see no packet
};
[[nodiscard]] NftPlain read_nft_plain(const File& listing);

/// One base chain that may do something to a packet. Hooks by nft's names: `forward`, `ingress`, …
struct NftBaseChain {
  std::string family, table, name, type, hook;
  std::int32_t priority = 0;
  bool drops = false;                ///< its policy
  bool passes = false;               ///< it was read: it can only accept
  std::vector<std::string> devices;  ///< of ingress and egress; empty: not known
};
/// Into host.unmodelled. A chain of devices that are all gone is none any more.
void add_nft_chain(const NftBaseChain& chain, Host& host, const DeviceBook& book);

/// iptables-save printed this table of family ip: it is wholly iptables-nft's own.
[[nodiscard]] bool is_table_of_iptables(std::string_view name, const Host& host);

/// `nft list ruleset`, for a host without its JSON, as read_nft_json reads that. Fails on what is
/// no such listing. Not modelled: variables and includes of a file that nft was to load.
[[nodiscard]] Result<void> read_nft_text(const File& file, Host& host, const DeviceBook& book);

/// `nft -j list ruleset` into host.unmodelled and host.conntrack_needed_by_nft. The devices and the
/// rules of iptables-nft must have been read. ip6 chains are passed over: IPv6 is not modelled.
[[nodiscard]] Result<void> read_nft_json(const File& file, const NftPlain& left_out,
                                         Host& host, const DeviceBook& book);

}  // namespace wayout::host
