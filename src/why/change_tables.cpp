// Changes of routing tables other than main, and of the rules that lead there.
#include <algorithm>

#include <fmt/format.h>

#include "why/change.hpp"
#include "why/words.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

constexpr const char* keep_table =
    "put it where the interface is configured (networkd, ifupdown, NetworkManager)";

}  // namespace

Change add_table_default(const host::Machine& machine, std::uint32_t host, std::uint32_t table,
                         const wire::IpAddress& gateway, DeviceId device) {
  return {.host = host,
          .command = fmt::format("ip route add default via {} dev {} table {}", gateway.text(),
                                 shell_word(machine.hosts[host].devices[device].name), table),
          .lasting = keep_table,
          .parts = Parts::routing,
          .prepares = true,  // until a rule leads there
          .apply = [=](host::Host& h) {
            route::Route r{.destination = {wire::IpAddress::any(wire::Family::ipv4), 0},
                           .nexthops = {{.gateway = gateway, .device = device}}};
            r.protocol = route::made_by_boot;
            h.fib.tables[h.fib.table_position(table)].routes.push_back(std::move(r));
          }};
}

Change add_table_rule(const host::Machine&, std::uint32_t host, const route::Rule& rule) {
  std::string selector = rule.fwmask != 0 ? fmt::format("fwmark {:#x}", rule.fwmark)
                                          : fmt::format("from {}", rule.from.text(true));
  if (rule.fwmask != 0 && rule.fwmask != 0xffffffff) selector += fmt::format("/{:#x}", rule.fwmask);
  if (rule.ip_protocol != 0)
    selector += fmt::format(" ipproto {} sport {}",
                            rule.ip_protocol == wire::protocol::tcp ? "tcp" : "udp", rule.sport_low);
  return {.host = host,
          .command = fmt::format("ip rule add {} lookup {} pref {}", selector, rule.table,
                                 rule.preference),
          .lasting = keep_table,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& h) {
            const auto behind = std::find_if(h.fib.rules.begin(), h.fib.rules.end(), [&](const auto& r) {
              return r.preference > rule.preference;
            });
            h.fib.rules.insert(behind, rule);
          }};
}

}  // namespace wayout::why
