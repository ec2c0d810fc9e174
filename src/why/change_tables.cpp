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

bool is_local_default(const route::Route& route) {
  return route.type == RouteType::local && route.destination.length == 0;
}

/// Where packets with a mark are led to, or should be: a table with a local default route.
struct LocalTable {
  std::uint32_t id = 0;
  bool has_route = false, has_rule = false;
};

LocalTable local_table(const host::Host& host, std::uint32_t mark) {
  constexpr std::uint32_t usual = 100;
  const route::Fib& fib = host.fib;
  const auto has_route = [&](std::uint32_t id) {
    const route::FibTable* table = fib.find_table(id);
    return table != nullptr && std::ranges::any_of(table->routes, is_local_default);
  };
  for (const route::Rule& rule : fib.rules)
    if (rule.fwmask != 0 && rule.fwmark == (mark & rule.fwmask) && rule.table != route::table_main)
      return {rule.table, has_route(rule.table), true};
  for (const route::FibTable& table : fib.tables)
    if (std::ranges::any_of(table.routes, is_local_default)) return {table.id, true, false};
  std::uint32_t id = usual;
  while (fib.find_table(id) != nullptr) ++id;
  return {id, false, false};
}

}  // namespace

Change make_mark_local(const host::Machine& machine, std::uint32_t host, std::uint32_t mark,
                       std::uint32_t mask) {
  const LocalTable table = local_table(machine.hosts[host], mark);
  std::string command;
  if (!table.has_route) command = fmt::format("ip route add local default dev lo table {}", table.id);
  if (!table.has_rule)
    command += fmt::format("{}ip rule add fwmark {:#x}/{:#x} lookup {}", command.empty() ? "" : "; ",
                           mark, mask, table.id);
  return {.host = host,
          .command = std::move(command),
          .lasting = keep_table,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& h) {
            if (!table.has_route) {
              route::Route r{.destination = {wire::IpAddress::any(wire::Family::ipv4), 0},
                             .type = RouteType::local,
                             .scope = route::Scope::host,
                             .nexthops = {{.device = h.fib.loopback()}}};
              r.protocol = route::made_by_boot;
              h.fib.tables[h.fib.table_position(table.id)].routes.push_back(std::move(r));
            }
            if (table.has_rule) return;
            // Where none is asked for, the kernel takes the preference before the first but local.
            const std::uint32_t preference = h.fib.rules.size() > 1 ? h.fib.rules[1].preference - 1 : 0;
            h.fib.rules.insert(h.fib.rules.begin() + std::min<std::ptrdiff_t>(1, std::ssize(h.fib.rules)),
                               {.preference = preference, .fwmark = mark, .fwmask = mask,
                                .table = table.id});
          }};
}

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
