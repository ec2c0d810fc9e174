#include "host/live/takers.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "host/live/command.hpp"
#include "host/live/netlink.hpp"
#include "host/live/procfs.hpp"
#include "host/takers.hpp"

namespace wayout::host::live {

namespace {

// ---------------------------------------------------------------- IPsec

wire::IpAddress v4_of(const xfrm_address_t& address) {
  return wire::IpAddress::v4(ntohl(address.a4));
}

void add_policy(const nlmsghdr& message, Host& host) {
  const auto* policy = header_of<xfrm_userpolicy_info>(message);
  if (policy == nullptr || policy->sel.family != AF_INET) return;
  constexpr std::array<const char*, 3> directions = {"in", "out", "fwd"};
  if (policy->dir >= directions.size()) return;  // of a single socket
  add_ipsec_policy({v4_of(policy->sel.saddr), policy->sel.prefixlen_s},
                   {v4_of(policy->sel.daddr), policy->sel.prefixlen_d}, directions[policy->dir],
                   host);
}

// ---------------------------------------------------------------- nf_tables

const char* family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_NETDEV:
      return "netdev";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return "unknown";
  }
}

std::string hook_name(std::uint8_t family, std::uint32_t number) {
  constexpr std::array<const char*, 6> inet = {"prerouting", "input",       "forward",
                                               "output",     "postrouting", "ingress"};
  constexpr std::array<const char*, 2> netdev = {"ingress", "egress"};
  constexpr std::array<const char*, 3> arp = {"input", "output", "forward"};
  if (family == NFPROTO_NETDEV) return number < netdev.size() ? netdev[number] : "unknown";
  if (family == NFPROTO_ARP) return number < arp.size() ? arp[number] : "unknown";
  return number < inet.size() ? inet[number] : "unknown";
}

constexpr std::uint16_t nft_message(std::uint16_t message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

std::vector<std::string> hook_devices(const Attributes& hook) {
  std::vector<std::string> devices;
  const nlattr* list = hook[NFTA_HOOK_DEVS];  // with one device the kernel says it both ways
  if (list == nullptr && hook.has(NFTA_HOOK_DEV)) devices.emplace_back(hook.text(NFTA_HOOK_DEV));
  if (list != nullptr)
    for_each_nested(*list, [&](const nlattr& device) {
      const auto* name = static_cast<const char*>(mnl_attr_get_payload(&device));
      devices.emplace_back(name, strnlen(name, mnl_attr_get_payload_len(&device)));
    });
  return devices;
}

void add_base_chain(const nlmsghdr& message, NftTables& result) {
  const auto* header = header_of<nfgenmsg>(message);
  if (header == nullptr) return;
  const Attributes attributes(message, sizeof *header);
  const auto hook = attributes.nested(NFTA_CHAIN_HOOK);
  if (!hook) return;
  NftBaseChain chain;
  chain.family = family_name(header->nfgen_family);
  chain.table = attributes.text(NFTA_CHAIN_TABLE);
  chain.name = attributes.text(NFTA_CHAIN_NAME);
  chain.type = attributes.text(NFTA_CHAIN_TYPE);
  chain.hook = hook_name(header->nfgen_family, hook->be32(NFTA_HOOK_HOOKNUM).value_or(0));
  chain.priority = static_cast<std::int32_t>(hook->be32(NFTA_HOOK_PRIORITY).value_or(0));
  chain.drops = attributes.be32(NFTA_CHAIN_POLICY).value_or(NF_ACCEPT) == NF_DROP;
  chain.devices = hook_devices(*hook);
  result.base_chains.push_back(std::move(chain));
}

/// What nft's JSON does not tell, the kernel does.
NftPlain what_json_leaves_out(const NftTables& tables) {
  NftPlain result;
  for (const NftBaseChain& chain : tables.base_chains)
    if (!chain.devices.empty())
      result.chain_devices[chain.family + " " + chain.table + " " + chain.name] = chain.devices;
  for (const NftTables::Table& table : tables.tables)
    if (table.dormant) result.dormant_tables.insert(table.family + " " + table.name);
  return result;
}

}  // namespace

void read_ipsec_policies(Host& host) {
  Result<Netlink> netlink = Netlink::open(NETLINK_XFRM);
  if (!netlink) return;
  const Result<void> read =
      netlink->dump(XFRM_MSG_GETPOLICY, xfrm_userpolicy_id{},
                    [&](const nlmsghdr& message) { add_policy(message, host); });
  if (!read && netlink->last_errno() == EPERM)
    host.assumed.push_back("no IPsec policies: reading them needs root");
}

Result<void> read_ipvs(Host& host) {
  const std::string path = "/proc/thread-self/net/ip_vs";
  return host::read_ipvs(File{path, read_proc(path)}, host);
}

Result<void> read_ebtables(Host& host) {
  const bool has_bridge = std::ranges::any_of(host.devices.list, [](const link::Device& device) {
    return device.kind == link::DeviceKind::bridge;
  });
  const std::string modules = read_proc("/proc/modules");
  const bool loaded = modules.find("ebtable_filter ") != std::string::npos ||
                      modules.find("ebtable_nat ") != std::string::npos ||
                      modules.find("ebtable_broute ") != std::string::npos;
  if (!has_bridge || !loaded) return {};
  const Result<std::optional<File>> saved = listing({"ebtables-legacy-save"});
  if (saved && saved.value()) return host::read_ebtables(*saved.value(), host);
  Unmodelled found;
  found.kind = Unmodelled::Kind::ebtables;
  found.text = "ebtables (legacy), which could not be read";
  found.family = Unmodelled::Family::bridge;
  for (const Hook hook :
       {Hook::prerouting, Hook::input, Hook::forward, Hook::output, Hook::postrouting}) {
    found.hook = hook;
    host.unmodelled.push_back(found);
  }
  return {};
}

bool NftTables::has_table_of_ip(std::string_view name) const {
  return std::ranges::any_of(
      tables, [&](const Table& table) { return table.family == "ip" && table.name == name; });
}

bool NftTables::is_dormant(const NftBaseChain& chain) const {
  return std::ranges::any_of(tables, [&](const Table& table) {
    return table.dormant && table.family == chain.family && table.name == chain.table;
  });
}

Result<NftTables> read_nft_tables() {
  NftTables result;
  Result<Netlink> netlink = Netlink::open(NETLINK_NETFILTER);
  if (!netlink) return netlink.error();
  const nfgenmsg header{NFPROTO_UNSPEC, NFNETLINK_V0, 0};
  Result<void> read =
      netlink->dump(nft_message(NFT_MSG_GETTABLE), header, [&](const nlmsghdr& message) {
        const auto* table = header_of<nfgenmsg>(message);
        if (table == nullptr) return;
        const Attributes attributes(message, sizeof *table);
        const std::uint32_t flags = attributes.be32(NFTA_TABLE_FLAGS).value_or(0);
        result.tables.push_back({family_name(table->nfgen_family),
                                 std::string(attributes.text(NFTA_TABLE_NAME)),
                                 (flags & NFT_TABLE_F_DORMANT) != 0});
      });
  if (!read) {
    const int error = netlink->last_errno();
    const bool not_there = error == EINVAL || error == EOPNOTSUPP || error == EPROTONOSUPPORT;
    return not_there ? Result<NftTables>(result) : Result<NftTables>(read.error());
  }
  if (result.tables.empty()) return result;
  read = netlink->dump(nft_message(NFT_MSG_GETCHAIN), header,
                       [&](const nlmsghdr& message) { add_base_chain(message, result); });
  if (!read) return read.error();
  return result;
}

Result<void> read_nft_chains(const NftTables& tables, Host& host, const DeviceBook& book) {
  const NftPlain left_out = what_json_leaves_out(tables);
  const auto is_foreign = [&](std::string_view family, std::string_view table) {
    return family != "ip6" && (family != "ip" || !is_table_of_iptables(table, host));
  };
  // One by one: iptables' own tables were read, and listing 100,000 of their rules takes nft long.
  bool is_installed = true;
  for (const NftTables::Table& table : tables.tables) {
    if (!is_foreign(table.family, table.name)) continue;
    const auto listed = listing({"nft", "-j", "list", "table", table.family, table.name});
    if (!listed) return listed.error();
    is_installed = listed.value().has_value();
    if (!is_installed) break;
    Result<void> read = read_nft_json(*listed.value(), left_out, host, book);
    if (!read) return read;
  }
  if (is_installed) return {};
  for (const NftBaseChain& chain : tables.base_chains)
    if (is_foreign(chain.family, chain.table) && !tables.is_dormant(chain))
      add_nft_chain(chain, host, book);
  host.assumed.push_back("nft is not installed: its rules were not read");
  return {};
}

}  // namespace wayout::host::live
