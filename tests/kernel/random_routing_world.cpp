#include <fmt/format.h>

#include <string_view>

#include "route_world.hpp"

namespace wayout::kernel {
namespace {

constexpr char device_letters[] = "abcd";

/// Few values, so that addresses, prefixes, gateways and tables meet often.
class Maker {
 public:
  explicit Maker(std::mt19937& random) : random_(random) {}

  std::vector<std::string> make_addresses() {
    devices();
    addresses();
    failures();
    return std::move(lines_);
  }

  std::vector<std::string> make() {
    devices();
    sysctls();
    addresses();
    routes();
    if (one_in(2)) rules();
    failures();
    return std::move(lines_);
  }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <class... Choices>
  std::string one_of(Choices... choices) {
    const std::string all[] = {choices...};
    return all[below(sizeof...(choices))];
  }
  void line(std::string text) { lines_.push_back(std::move(text)); }

  std::string device() { return fmt::format("{}0", device_letters[below(4)]); }
  std::string host() { return fmt::format("10.0.{}.{}", 1 + below(4), 1 + below(9)); }
  std::string gateway() {
    return fmt::format("10.0.{}.{}", 1 + below(4), one_in(3) ? 1 + below(9) : 254);
  }
  std::string table() { return one_of("main", "main", "main", "100", "101", "default", "local"); }
  std::string prefix() {
    switch (below(7)) {
      case 0: return "default";
      case 1: return fmt::format("10.0.{}.0/{}", 1 + below(4), 24 + below(2));
      case 2: return fmt::format("192.0.2.{}/32", below(4));
      case 3: return fmt::format("127.{}.0.0/16", below(2));
      case 4: return host() + "/32";
      default:
        return one_of("192.0.2.0/24", "192.0.0.0/16", "192.0.2.0/30", "10.0.0.0/16", "128.0.0.0/1");
    }
  }

  void devices() {
    line("link set lo up");
    for (const char letter : {'a', 'b', 'c', 'd'}) {
      line(fmt::format("link add {0}0 type veth peer name {0}1", letter));
      line(fmt::format("link set {0}0 up", letter));
      line(fmt::format("link set {0}1 up", letter));
    }
  }

  void sysctls() {
    for (const char* name : {"all", "a0", "b0", "c0", "d0", "lo"}) {
      const auto set = [&](const char* key, unsigned value) {
        line(fmt::format("sysctl net/ipv4/conf/{}/{}={}", name, key, value));
      };
      if (name != std::string_view("all")) set("forwarding", one_in(6) ? 0 : 1);
      set("rp_filter", one_in(3) ? 1 + below(2) : 0);
      set("send_redirects", one_in(3) ? 0 : 1);
      set("shared_media", below(2));
      for (const char* key : {"accept_local", "route_localnet", "src_valid_mark",
                              "ignore_routes_with_linkdown", "proxy_arp_pvlan"})
        set(key, one_in(6) ? 1 : 0);
    }
  }

  void addresses() {
    if (one_in(4)) line("addr add 10.77.0.1/32 dev lo");
    for (unsigned n = 2 + below(6); n > 0; --n) {
      std::string address = host() + one_of("/24", "/24", "/24", "/25", "/16", "/32");
      // Never a subnet whose broadcast address is a host: the kernel then loses routes.
      if (one_in(8)) address = host() + " peer " + host() + one_of("/24", "/26", "/32");
      if (one_in(2)) address += " brd +";
      if (one_in(8)) address += " scope " + one_of("link", "site", "host");
      if (one_in(10)) address += " noprefixroute";
      line(fmt::format("addr add {} dev {}", address, device()));
    }
  }

  std::string way() {
    if (one_in(6)) return fmt::format("via {} dev {} onlink", gateway(), device());
    if (one_in(3)) return fmt::format("via {} dev {}", gateway(), device());
    return "via " + gateway();
  }

  std::string options() {
    std::string text = " table " + table();
    if (one_in(4)) text += fmt::format(" metric {}", 1 + below(3));
    if (one_in(8)) text += " tos " + one_of("0x10", "0x08");
    if (one_in(8)) text += fmt::format(" mtu {}", 600 + below(900));
    return text;
  }

  void route() {
    const std::string add = one_in(4) ? "route append " : "route add ";
    if (one_in(5)) {
      line(add + one_of("blackhole ", "unreachable ", "prohibit ", "throw ") + prefix() +
           options());
    } else if (one_in(6)) {
      line(fmt::format("{}{}{} nhid {}", add, prefix(), options(), one_of("1", "2", "10", "4")));
    } else if (one_in(6)) {  // nothing may follow the next hops
      line(fmt::format("{}{}{} nexthop {} nexthop {} weight 2", add, prefix(), options(), way(),
                       one_in(4) ? "dev " + device() : way()));
    } else {
      std::string text = add + prefix() + " " + way() + options();
      if (one_in(5)) text += " src " + host();
      line(text);
    }
  }

  /// Routes that say what a gateway is come before those with gateways: the kernel looks once.
  void routes_without_gateway() {
    for (unsigned n = below(3); n > 0; --n) {
      line(fmt::format("route add {} {} dev {}{}", one_of("local", "broadcast"), prefix(), device(),
                       options()));
    }
    for (unsigned n = below(3); n > 0; --n) {
      line(fmt::format("route add {} dev {}{} scope {}", prefix(), device(), options(),
                       one_of("link", "link", "host", "site", "global")));
    }
  }

  void routes() {
    routes_without_gateway();
    line(fmt::format("nexthop add id 1 via {} dev {}", gateway(), device()));
    line(fmt::format("nexthop add id 2 dev {}", device()));
    line(fmt::format("nexthop add id 3 via {} dev {}", gateway(), device()));
    line("nexthop add id 4 blackhole");
    line("nexthop add id 10 group 1/3,2");
    for (unsigned n = 2 + below(14); n > 0; --n) route();
    // A nexthop object keeps the source address of its first day until any address changes.
    line("addr add 10.250.0.1/32 dev lo");
    line("addr del 10.250.0.1/32 dev lo");
  }

  void rule() {
    std::string text = fmt::format("rule add pref {}", 10 * below(8));
    if (one_in(6)) text += " not";
    if (one_in(3)) text += " from " + one_of(host(), "10.0.1.0/24", "10.0.0.0/16");
    if (one_in(4)) text += " to " + one_of(host(), "192.0.2.0/24");
    if (one_in(5)) text += " iif " + one_of(device(), "lo", "gone");
    if (one_in(8)) text += " oif " + device();
    if (one_in(5)) text += " fwmark " + one_of("1", "0x2/0x3");
    if (one_in(8)) text += " tos 0x10";
    if (one_in(6)) text += " ipproto " + one_of("tcp", "udp", "icmp");
    if (one_in(6)) text += " dport " + one_of("80", "50-90");
    if (one_in(8)) text += " sport 1000-2000";
    if (one_in(10)) text += " uidrange " + one_of("0-0", "1-1000");
    switch (below(8)) {
      case 0: text += " " + one_of("blackhole", "unreachable", "prohibit"); break;
      case 1: text += fmt::format(" goto {}", 10 * below(9)); break;
      case 2: text += " nop"; break;
      case 3: text += fmt::format(" lookup main suppress_prefixlength {}", below(25)); break;
      default: text += " lookup " + one_of("100", "101", "main", "default"); break;
    }
    line(text);
  }

  void rules() {
    if (one_in(6)) {  // the local table asked after others
      line("rule add pref 75 lookup local");
      line("rule del pref 0");
    }
    for (unsigned n = 1 + below(5); n > 0; --n) rule();
  }

  void failures() {
    for (const char letter : {'a', 'b', 'c', 'd'}) {
      if (one_in(8)) line(fmt::format("link set {}1 down", letter));
      if (one_in(10)) line(fmt::format("link set {}0 down", letter));
    }
  }

  std::mt19937& random_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> random_routing_world(std::mt19937& random) { return Maker(random).make(); }

std::vector<std::string> random_addresses(std::mt19937& random) {
  return Maker(random).make_addresses();
}

}  // namespace wayout::kernel
