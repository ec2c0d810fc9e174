#include "host/listeners.hpp"

#include <optional>
#include <string_view>

#include "host/words.hpp"
#include "wire/headers.hpp"

namespace wayout::host {

namespace {

/// `127.0.0.53%lo:53`, `0.0.0.0:22`, `*:80` (both families), `[::]:80` (IPv6 alone).
/// Nothing for IPv6 alone.
std::optional<Listener> listener(Words& words, const DeviceBook& book) {
  const std::string_view local = words.value("the queues");
  const std::size_t colon = local.rfind(':');
  const auto port = colon == std::string_view::npos
                        ? std::nullopt
                        : number<std::uint16_t>(local.substr(colon + 1));
  if (!port) {
    words.fail("expected ADDRESS:PORT");
    return std::nullopt;
  }
  Listener result;
  result.port = *port;
  std::string_view address = local.substr(0, colon);
  if (const std::size_t percent = address.find('%'); percent != std::string_view::npos) {
    result.device = book.find(address.substr(percent + 1));
    address = address.substr(0, percent);
  }
  if (address == "*") {
    result.dual_stack = true;
    result.address = wire::IpAddress::any(wire::Family::ipv4);
    return result;
  }
  if (address.starts_with('[')) {
    address = address.substr(1, address.find(']') - 1);
    constexpr std::string_view mapped = "::ffff:";
    if (!address.starts_with(mapped)) return std::nullopt;
    address.remove_prefix(mapped.size());
    result.dual_stack = true;
  }
  const auto parsed = wire::IpAddress::parse(address);
  if (!parsed) words.fail("expected ADDRESS:PORT");
  if (!parsed || !parsed->is_v4()) return std::nullopt;
  result.address = *parsed;
  return result;
}

}  // namespace

Result<void> read_listeners(const File& file, Host& host, const DeviceBook& book) {
  host.listeners_known = true;
  return read_lines(file, [&](Words& words) {
    const std::string_view protocol = words.next();
    if (protocol != "tcp" && protocol != "udp") return;
    words.value("the protocol");
    words.value("the state");
    words.value("the receive queue");
    auto found = listener(words, book);
    if (!found) return;
    found->protocol = protocol == "tcp" ? wire::protocol::tcp : wire::protocol::udp;
    host.listeners.push_back(*found);
  });
}

}  // namespace wayout::host
