// What native nft rules may do to a packet, however they were listed.
//
// A reader fills Tables, rule by rule; add_base_chains() then judges every base chain with all that
// can be reached from it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/device_book.hpp"
#include "host/host.hpp"
#include "host/nft.hpp"

namespace wayout::host::nft_model {

/// What a rule, or a map of verdicts, may lead to.
struct Effect {
  bool harmless = true;             ///< by itself
  std::vector<std::string> chains;  ///< it may jump to
  std::vector<std::string> maps;    ///< of verdicts, by name
};

struct Chain {
  NftBaseChain base;  ///< without a hook: it is only jumped to
  std::vector<Effect> rules;
};

struct Table {
  std::map<std::string, Chain> chains;
  std::map<std::string, Effect> verdict_maps;
};

using Tables = std::map<std::pair<std::string, std::string>, Table>;  ///< by family and name

/// Every base chain with a rule, or with a policy that drops, into host.unmodelled.
void add_base_chains(const Tables& tables, Host& host, const DeviceBook& book);

/// Packets that come in on one of these devices may take a short way past the stack.
void add_flowtable(const std::string& family, const std::string& table, const std::string& name,
                   const std::vector<std::string>& devices, Host& host, const DeviceBook& book);

}  // namespace wayout::host::nft_model
