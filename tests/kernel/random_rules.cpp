#include "random_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "netfilter/rule.hpp"

namespace wayout::kernel {
namespace {

using netfilter::TableKind;

/// Writes the rules of one table.
class TableWriter {
 public:
  TableWriter(std::mt19937& random, const RuleWords& words, TableKind kind)
      : random_(random), words_(words), kind_(kind) {}

  std::string text() {
    std::string heads = fmt::format("*{}\n", netfilter::table_name(kind_)), rules;
    for (const Hook hook : netfilter::hooks_of(kind_)) {
      const bool drops = kind_ == TableKind::filter && one_in(6);
      heads += fmt::format(":{} {} [0:0]\n", hook_name(hook), drops ? "DROP" : "ACCEPT");
      rules += chain(hook_name(hook), hook, 2);
    }
    heads += ":ONE - [0:0]\n:TWO - [0:0]\n";
    rules += chain("ONE", {}, 1) + chain("TWO", {}, 0);
    return heads + rules + "COMMIT\n";
  }

 private:
  /// The rules of one chain; it may jump to the first `callable` of ONE and TWO, counted from TWO.
  std::string chain(std::string_view name, std::optional<Hook> hook, unsigned callable) {
    hook_ = hook;
    std::string rules;
    for (unsigned i = random_() % (hook ? 5 : 4); i > 0; --i) {
      protocol_ = "";
      asks_flags_ = false;
      std::string rule = fixed_part();
      for (unsigned n = random_() % 3; n > 0; --n) rule += any_match();
      rules += fmt::format("-A {}{}{}\n", name, rule, target(callable));
    }
    return rules;
  }

  bool one_in(unsigned n) { return random_() % n == 0; }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[random_() % list.size()];
  }
  const std::string& one_of(const std::vector<std::string>& list) {
    return list[random_() % list.size()];
  }
  std::string pick_text(std::initializer_list<const char*> list) { return pick(list); }
  std::string maybe_not(unsigned n = 4) { return one_in(n) ? " !" : ""; }
  bool at(std::initializer_list<Hook> hooks) {
    return hook_ && std::find(hooks.begin(), hooks.end(), *hook_) != hooks.end();
  }

  std::string address() {
    return one_of(words_.addresses);
  }
  std::string device() { return one_of(words_.devices); }
  std::string port() { return pick({"53", "80", "1000:1010", "1000:1999", "0:1004", "1005:65535"}); }

  std::string fixed_part() {
    std::string text;
    if (one_in(4)) text += maybe_not() + " -s " + address();
    if (one_in(4)) text += maybe_not() + " -d " + address();
    if (one_in(4) && at({Hook::prerouting, Hook::input, Hook::forward}))
      text += maybe_not() + " -i " + device();
    if (one_in(4) && at({Hook::output, Hook::postrouting, Hook::forward}))
      text += maybe_not() + " -o " + device();
    if (one_in(2)) {
      protocol_ = pick({"tcp", "udp", "icmp"});
      text += " -p " + protocol_;
      if (one_in(2)) text += transport_match();
    } else if (one_in(6)) {
      text += std::string(" !") + " -p " + pick({"tcp", "udp", "icmp"});
    }
    return text;
  }

  std::string transport_match() {
    if (protocol_ == "icmp")
      return " -m icmp" + maybe_not() + " --icmp-type " + pick({"8", "0", "3", "3/3", "any"});
    if (one_in(4))
      return " -m multiport" + maybe_not() +
             pick({" --sports ", " --dports ", " --ports "}) + pick({"53,80", "22,1000:1004,80"});
    std::string text = " -m " + protocol_;
    if (one_in(2)) text += maybe_not() + " --sport " + port();
    if (one_in(2)) text += maybe_not() + " --dport " + port();
    if (protocol_ == "tcp" && one_in(2)) {
      asks_flags_ = true;
      text += maybe_not() + " --tcp-flags " +
              pick({"FIN,SYN,RST,ACK SYN", "SYN SYN", "ACK ACK", "ALL SYN,ACK", "RST NONE"});
    }
    if (protocol_ == "tcp" && one_in(4)) text += maybe_not() + " --tcp-option 2";
    return text;
  }

  std::string any_match() {
    if (!words_.sets.empty() && one_in(8))
      return " -m set" + maybe_not() + " --match-set " + one_of(words_.sets);
    switch (random_() % 12) {
      case 0: return conntrack_match();
      case 1: return " -m state --state " + states();
      case 2: return " -m mark" + maybe_not() + " --mark " + pick({"0x1", "0x0/0x1", "0x2/0x6"});
      case 3: return " -m connmark" + maybe_not() + " --mark " + pick({"0x0", "0x1/0x1", "0x2/0x6"});
      case 4: return addrtype_match();
      case 5:
        return " -m iprange" + maybe_not() + " --src-range " +
               one_of(words_.ranges);
      case 6:
        return std::string(" -m limit --limit 1/hour --limit-burst ") + pick({"1", "2", "5"});
      case 7: return recent_match();
      case 8: return owner_match();
      case 9:
        return at({Hook::prerouting, Hook::input, Hook::forward})
                   ? " -m mac" + maybe_not() + " --mac-source " + one_of(words_.macs)
                   : "";
      case 10: return " -m comment --comment \"a b\"";
      default: return conntrack_match();
    }
  }

  std::string states() {
    return pick({"NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "INVALID,NEW", "UNTRACKED"});
  }

  std::string conntrack_match() {
    std::string text = " -m conntrack";
    if (one_in(2)) text += maybe_not() + " --ctstate " + pick_text({"NEW", "SNAT", "DNAT"});
    if (one_in(5)) text += maybe_not() + " --ctproto " + pick({"6", "17"});
    if (one_in(5)) text += maybe_not() + " --ctorigsrc " + address();
    if (one_in(5)) text += maybe_not() + " --ctreplsrc " + address();
    if (one_in(5)) text += maybe_not() + " --ctstatus " + pick({"CONFIRMED", "SEEN_REPLY", "NONE"});
    if (one_in(5)) text += std::string(" --ctdir ") + pick({"ORIGINAL", "REPLY"});
    if (text == " -m conntrack") text += maybe_not() + " --ctstate " + states();
    return text;
  }

  std::string addrtype_match() {
    std::string text = " -m addrtype" + maybe_not() + pick({" --src-type ", " --dst-type "}) +
                       pick({"LOCAL", "UNICAST", "LOCAL,BROADCAST"});
    if (one_in(3) && at({Hook::prerouting, Hook::input})) text += " --limit-iface-in";
    if (one_in(3) && at({Hook::output, Hook::postrouting})) text += " --limit-iface-out";
    return text;
  }

  std::string recent_match() {
    const std::string list = fmt::format(" --name r{}", random_() % 2);
    const std::string side = one_in(4) ? " --rdest" : " --rsource";
    const std::string hits = one_in(2) ? " --hitcount 2" : "";
    const std::string what = pick({" --set", " --rcheck", " --update", " --remove"});
    const bool counts = what == " --rcheck" || what == " --update";
    return " -m recent" + maybe_not() + what + (counts ? hits : "") + list + side;
  }

  std::string owner_match() {
    if (!at({Hook::output, Hook::postrouting})) return "";
    return " -m owner" + maybe_not() + pick({" --uid-owner 0", " --uid-owner 5", " --gid-owner 0-3"});
  }

  std::string mark_target() {
    return std::string(" -j MARK --set-xmark ") + pick({"0x1/0xffffffff", "0x2/0x6", "0x0/0x1"});
  }

  std::string target(unsigned callable) {
    if (one_in(8)) return "";
    if (callable > 0 && one_in(3)) {
      const std::string chain = callable == 1 || one_in(2) ? "TWO" : "ONE";
      return (one_in(4) ? " -g " : " -j ") + chain;
    }
    if (one_in(5)) return std::string(" -j ") + pick({"ACCEPT", "RETURN", "RETURN"});
    switch (kind_) {
      case TableKind::raw: return raw_target();
      case TableKind::mangle: return mangle_target();
      case TableKind::nat: return nat_target();
      case TableKind::filter: return filter_target();
      case TableKind::security: break;
    }
    return one_in(6) ? " -j DROP" : " -j ACCEPT";
  }

  std::string set_target() {
    const bool adds = !one_in(3);
    std::string text = (adds ? " -j SET --add-set " : " -j SET --del-set ") + one_of(words_.sets);
    if (adds && one_in(2)) text += " --exist";
    return text;
  }

  std::string ecn_target() {
    if (protocol_ != "tcp" || one_in(3)) return std::string(" -j ECN --ecn-ip-ect ") + pick({"0", "1", "3"});
    return std::string(" -j ECN ") + pick({"--ecn-tcp-remove", "--ecn-tcp-ece 1", "--ecn-tcp-cwr 1 --ecn-ip-ect 2",
                                           "--ecn-tcp-ece 0 --ecn-tcp-cwr 1"});
  }

  std::string hmark_target() {
    return std::string(" -j HMARK --hmark-tuple ") +
           pick({"src,dst", "src,dst,sport,dport", "ct,src,dst,sport,dport", "src,dst,sport,dport,proto"}) +
           " --hmark-mod 4 --hmark-rnd " + pick({"0x10", "0xfeedcafe"});
  }

  /// What leads a packet, or its copy, elsewhere, or writes down where it came from.
  std::string leading_target() {
    switch (random_() % 7) {
      case 0: return ecn_target();
      case 1: return hmark_target();
      case 2: return " -j CHECKSUM --checksum-fill";
      case 3:
        if (words_.gateways.empty()) break;
        return " -j TEE --gateway " + one_of(words_.gateways);
      case 4:
        if (!words_.takers) break;
        return std::string(" -j NFQUEUE ") +
               pick({"--queue-num 7", "--queue-num 7 --queue-bypass", "--queue-balance 0:3 --queue-bypass"});
      case 5:
        if (!words_.takers || !at({Hook::prerouting}) || (protocol_ != "tcp" && protocol_ != "udp")) break;
        return " -j TPROXY --on-port 3129 --tproxy-mark 0x1/0x1";
      default:
        if (words_.sets.empty()) break;
        return set_target();
    }
    return mark_target();
  }

  std::string raw_target() {
    switch (random_() % 8) {
      case 0: return " -j DROP";
      case 1:
      case 2: return " -j CT --notrack";
      case 3: return std::string(" -j CT --zone ") + pick({"5", "6"});
      default: return mark_target();
    }
  }

  std::string mangle_target() {
    if (one_in(3)) return leading_target();
    switch (random_() % 8) {
      case 0: return one_in(3) ? " -j DROP" : " -j ACCEPT";
      case 1:
      case 2:
        return std::string(" -j CONNMARK ") +
               pick({"--set-xmark 0x1/0xffffffff", "--save-mark --nfmask 0x3 --ctmask 0x3",
                     "--restore-mark --nfmask 0xff --ctmask 0xff", "--set-xmark 0x2/0x6"});
      case 3:
        // iptables-nft-save 1.8.9 prints two questions for flags as one, so nobody can read them.
        if (protocol_ != "tcp" || asks_flags_) return mark_target();
        if (!at({Hook::forward, Hook::output, Hook::postrouting}) || one_in(2))
          return " -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000";
        return " -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
      default: return mark_target();
    }
  }

  std::string nat_target() {
    const bool ports = protocol_ == "tcp" || protocol_ == "udp";
    if (at({Hook::prerouting, Hook::output})) {
      switch (random_() % 4) {
        case 0: return std::string(" -j REDIRECT") + (ports && one_in(2) ? " --to-ports 80" : "");
        case 1: return " -j NETMAP --to 10.0.2.2/31";
        default:
          return std::string(" -j DNAT --to-destination ") +
                 one_of(words_.dnat) + (ports && one_in(2) ? ":8080" : "");
      }
    }
    if (at({Hook::postrouting})) {
      switch (random_() % 4) {
        case 0: return " -j NETMAP --to 203.0.113.0/24";
        case 1: return " -j SNAT --to-source " + one_of(words_.snat);
        default: return " -j MASQUERADE";
      }
    }
    return at({Hook::input}) ? " -j SNAT --to-source 203.0.113.8" : " -j ACCEPT";
  }

  std::string filter_target() {
    if (!words_.sets.empty() && one_in(6)) return set_target();
    switch (random_() % 8) {
      case 0: return " -j DROP";
      case 1:
        return protocol_ == "tcp" ? " -j REJECT --reject-with tcp-reset" : " -j REJECT";
      case 2:
        return std::string(" -j REJECT --reject-with ") +
               pick({"icmp-net-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited"});
      case 3: return " -j LOG --log-prefix \"x \"";
      default: return " -j ACCEPT";
    }
  }

  std::mt19937& random_;
  const RuleWords& words_;
  TableKind kind_;
  std::optional<Hook> hook_;  ///< of the chain that is being written; none: ONE or TWO
  std::string protocol_;      ///< of the rule that is being written
  bool asks_flags_ = false;   ///< it does, of TCP
};

}  // namespace

std::string random_rules(std::mt19937& random, const RuleWords& words) {
  std::string text;
  for (const TableKind kind : {TableKind::raw, TableKind::mangle, TableKind::nat,
                               TableKind::filter, TableKind::security}) {
    if (random() % 6 != 0) text += TableWriter(random, words, kind).text();
  }
  return text;
}

}  // namespace wayout::kernel
