#include "nat/lifetime.hpp"

#include <vector>

namespace wayout::nat {
namespace {

template <class Ends>
void erase_where(conntrack::Table& table, Ends&& ends) {
  std::vector<ConnectionId> ended;
  table.for_each([&](ConnectionId id, const conntrack::Connection& connection) {
    if (ends(connection)) ended.push_back(id);
  });
  for (const ConnectionId id : ended)
    table.erase(id);
}

}  // namespace

bool masquerade_still_valid(const conntrack::Connection& connection, CtInfo info, DeviceId egress) {
  const bool reply = info == CtInfo::established_reply || info == CtInfo::related_reply;
  return connection.masquerade_device == no_device || reply ||
         connection.masquerade_device == egress;
}

void device_down(conntrack::Table& table, DeviceId device) {
  erase_where(table, [&](const conntrack::Connection& connection) {
    return connection.masquerade_device == device;
  });
}

void address_removed(conntrack::Table& table, DeviceId device, const wire::IpAddress& address) {
  erase_where(table, [&](const conntrack::Connection& connection) {
    return connection.masquerade_device == device && connection.reply().destination == address;
  });
}

}  // namespace wayout::nat
