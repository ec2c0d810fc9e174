#include "netfilter/kept.hpp"

#include <gtest/gtest.h>

#include <string>

#include "netfilter/kept_change.hpp"

namespace wayout::netfilter {
namespace {

/// `ttl 0-9 !`, `tos 10/3f`, …; `?` for a question that is not known.
std::string asked(std::string_view name, const std::vector<std::string>& words) {
  const KeptQuestion question = kept_question(name, words);
  std::string text = "?";
  bool invert = false;
  if (const auto* range = std::get_if<RangeQuestion>(&question)) {
    constexpr const char* of[] = {"length", "ttl", "mss"};
    text = of[static_cast<int>(range->of)] + std::string(" ") + std::to_string(range->low) + "-" +
           std::to_string(range->high);
    invert = range->invert;
  } else if (const auto* tos = std::get_if<TosQuestion>(&question)) {
    text = "tos " + std::to_string(tos->value) + "/" + std::to_string(tos->mask);
    invert = tos->invert;
  } else if (const auto* type = std::get_if<PacketTypeQuestion>(&question)) {
    text = "type " + std::to_string(static_cast<int>(type->type));
    invert = type->invert;
  } else if (const auto* way = std::get_if<RpfilterQuestion>(&question)) {
    text = std::string("rpfilter") + (way->loose ? " loose" : "") +
           (way->valid_mark ? " mark" : "") + (way->accept_local ? " local" : "");
    invert = way->invert;
  }
  return text + (invert ? " !" : "");
}

TEST(Kept, WhatMatchesAsk) {
  const struct {
    const char* name;
    std::vector<std::string> words;
    const char* asked;
  } rows[] = {
      {"length", {"--length", "100:200"}, "length 100-200"},
      {"length", {"!", "--length", "100"}, "length 100-100 !"},
      {"length", {"--length", "many"}, "?"},
      {"ttl", {"--ttl-eq", "64"}, "ttl 64-64"},
      {"ttl", {"!", "--ttl-eq", "64"}, "ttl 64-64 !"},
      {"ttl", {"--ttl-lt", "10"}, "ttl 0-9"},
      {"ttl", {"--ttl-lt", "0"}, "ttl 1-0"},
      {"ttl", {"--ttl-gt", "10"}, "ttl 11-255"},
      {"ttl", {"--ttl-gt", "255"}, "ttl 1-0"},
      {"tcpmss", {"!", "--mss", "1:1400"}, "mss 1-1400 !"},
      {"tos", {"--tos", "0x10/0x3f"}, "tos 16/63"},
      {"tos", {"--tos", "0x10"}, "tos 16/255"},
      {"dscp", {"!", "--dscp", "0x2e"}, "tos 184/252 !"},
      {"pkttype", {"!", "--pkt-type", "broadcast"}, "type 1 !"},
      {"pkttype", {"--pkt-type", "outgoing"}, "type 3"},
      {"rpfilter", {"--loose", "--validmark", "--accept-local", "--invert"},
       "rpfilter loose mark local !"},
      {"rpfilter", {}, "rpfilter"},
      {"string", {"--string", "a"}, "?"},
  };
  for (const auto& row : rows) EXPECT_EQ(asked(row.name, row.words), row.asked) << row.name;
}

/// `tos 16^63`, `ttl 1 by 5`, `strip 2`, `queue`, or `nothing`.
std::string done(std::string_view name, const std::vector<std::string>& words) {
  const KeptChange change = kept_change(name, words);
  if (const auto* tos = std::get_if<TosChange>(&change))
    return "tos " + std::to_string(tos->value) + "^" + std::to_string(tos->mask);
  if (const auto* ttl = std::get_if<TtlChange>(&change))
    return "ttl " + std::to_string(static_cast<int>(ttl->how)) + " by " + std::to_string(ttl->by);
  if (const auto* strip = std::get_if<StripChange>(&change))
    return "strip " + std::to_string(strip->kinds.count());
  if (const auto* queue = std::get_if<QueueChange>(&change))
    return "queue " + std::to_string(queue->first) + "-" + std::to_string(queue->last) +
           (queue->bypass ? " bypass" : "");
  if (const auto* ecn = std::get_if<EcnChange>(&change))
    return "ecn " + std::to_string(ecn->tcp_value) + "/" + std::to_string(ecn->tcp_mask) + " " +
           std::to_string(ecn->ip_value) + "/" + std::to_string(ecn->ip_mask);
  if (const auto* tee = std::get_if<TeeChange>(&change))
    return "copy " + tee->gateway.text() + " " + tee->device;
  if (const auto* proxy = std::get_if<TproxyChange>(&change))
    return "proxy " + proxy->address.text() + ":" + std::to_string(proxy->port) + " " +
           std::to_string(proxy->value) + "/" + std::to_string(proxy->mask);
  if (const auto* set = std::get_if<SetChange>(&change))
    return "set" + (set->add ? " +" + set->add->set + std::to_string(set->add->source.size()) : "") +
           (set->remove ? " -" + set->remove->set : "") + (set->map ? " =" + set->map->set : "") +
           (set->again ? " again" : "") + (set->map_mark ? " mark" : "") +
           (set->timeout_s ? " " + std::to_string(*set->timeout_s) + "s" : "");
  return std::holds_alternative<HmarkChange>(change) ? "hmark" : "nothing";
}

TEST(Kept, WhatTargetsDo) {
  EXPECT_EQ(done("TOS", {"--set-tos", "0x10/0x3f"}), "tos 16^63");
  EXPECT_EQ(done("TOS", {"--set-tos", "0x10"}), "nothing");
  EXPECT_EQ(done("DSCP", {"--set-dscp", "0x2e"}), "tos 184^252");
  EXPECT_EQ(done("TTL", {"--ttl-set", "5"}), "ttl 0 by 5");
  EXPECT_EQ(done("TTL", {"--ttl-dec", "5"}), "ttl 1 by 5");
  EXPECT_EQ(done("TTL", {"--ttl-inc", "5"}), "ttl 2 by 5");
  EXPECT_EQ(done("TCPOPTSTRIP", {"--strip-options", "2,4"}), "strip 2");
  EXPECT_EQ(done("TCPOPTSTRIP", {"--strip-options", "2,256"}), "nothing");
  EXPECT_EQ(done("NFQUEUE", {"--queue-num", "3"}), "queue 3-3");
  EXPECT_EQ(done("NFQUEUE", {"--queue-balance", "1:3", "--queue-bypass"}), "queue 1-3 bypass");
  EXPECT_EQ(done("NFQUEUE", {"--queue-balance", "1"}), "nothing");
  EXPECT_EQ(done("QUEUE", {}), "queue 0-0");
  EXPECT_EQ(done("ECN", {"--ecn-tcp-remove"}), "ecn 0/192 0/0");
  EXPECT_EQ(done("ECN", {"--ecn-tcp-ece", "1", "--ecn-ip-ect", "2"}), "ecn 64/64 2/3");
  EXPECT_EQ(done("ECN", {"--ecn-ip-ect", "4"}), "nothing");
  EXPECT_EQ(done("TEE", {"--gateway", "10.0.0.1", "--oif", "eth1"}), "copy 10.0.0.1 eth1");
  EXPECT_EQ(done("TEE", {"--gateway", "fe80::1"}), "nothing");
  EXPECT_EQ(done("TPROXY", {"--on-port", "80"}), "proxy 0.0.0.0:80 0/0");
  EXPECT_EQ(done("TPROXY", {"--on-port", "80", "--on-ip", "127.0.0.1", "--tproxy-mark", "0x1/0x3"}),
            "proxy 127.0.0.1:80 1/3");
  EXPECT_EQ(done("TPROXY", {"--on-ip", "127.0.0.1"}), "nothing");
  EXPECT_EQ(done("SET", {"--add-set", "a src,dst", "--del-set", "b src", "--exist", "--timeout", "5"}),
            "set +a2 -b again 5s");
  EXPECT_EQ(done("SET", {"--map-set", "m dst", "--map-mark"}), "set =m mark");
  EXPECT_EQ(done("SET", {"--exist"}), "nothing");
  EXPECT_EQ(done("HMARK", {"--hmark-mod", "4", "--hmark-rnd", "0x10"}), "hmark");
  EXPECT_EQ(done("HMARK", {"--hmark-rnd", "0x10"}), "nothing");
  EXPECT_EQ(done("HMARK", {"--hmark-mod", "4", "--hmark-spi-mask", "0xff"}), "nothing");
  EXPECT_EQ(done("CLUSTERIP", {"--new"}), "nothing");
}

}  // namespace
}  // namespace wayout::netfilter
