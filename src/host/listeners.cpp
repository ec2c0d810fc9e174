#include "host/listeners.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "host/words.hpp"
#include "wire/headers.hpp"

namespace wayout::host {

namespace {

/// The address of a listener: `0.0.0.0`, `*` (both families), `[::]` (IPv6 alone), `[::ffff:a]`.
/// Nothing for IPv6 alone. netstat writes `::` for both of the middle ones.
std::optional<wire::IpAddress> listening_address(std::string_view address, bool by_netstat,
                                                 bool& dual_stack) {
  dual_stack = address == "*" || (by_netstat && address == "::");
  if (dual_stack) return wire::IpAddress::any(wire::Family::ipv4);
  if (address.starts_with('[')) address = address.substr(1, address.find(']') - 1);
  constexpr std::string_view mapped = "::ffff:";
  dual_stack = address.starts_with(mapped);
  if (dual_stack) address.remove_prefix(mapped.size());
  return wire::IpAddress::parse(address);
}

/// `127.0.0.53%lo:53` as the next word. Nothing for IPv6 alone.
std::optional<Listener> listener(Words& words, bool by_netstat, const DeviceBook& book) {
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
  const auto parsed = listening_address(address, by_netstat, result.dual_stack);
  if (!parsed) words.fail("expected ADDRESS:PORT");
  if (!parsed || !parsed->is_v4()) return std::nullopt;
  result.address = *parsed;
  return result;
}

/// A listing of ss or netstat, line by line. Its heading says which columns it has; which
/// protocols were asked for can only be told from what is there.
class ListenersReader {
 public:
  ListenersReader(Host& host, const DeviceBook& book) : host_(host), book_(book) {}

  void read(Words& words) {
    if (words.line().starts_with('\t')) return read_options(words.line());
    last_ = nullptr;
    if (is_heading(words)) return;
    const std::string_view first = words.next();
    if (is_state(first)) return read_socket(words, first == "UNCONN" ? udp : tcp, first);
    if (first == "tcp" || first == "udp" || first == "tcp6" || first == "udp6") {
      const std::uint8_t protocol = first.starts_with("tcp") ? tcp : udp;
      const bool by_netstat = number<std::uint64_t>(words.peek()).has_value();
      if (by_netstat) return read_netstat(words, protocol);
      has_protocols_ = true;
      const std::string_view state = words.value("the protocol");
      if (!words.error() && !is_state(state)) words.fail("expected the state of a socket");
      return read_socket(words, protocol, state);
    }
    if (!is_other_protocol(first))
      words.fail("expected a line of `ss -lntu`, like \"tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\"");
  }

  void finish() {
    const bool all = has_protocols_ || (!has_heading_ && !any_line_);
    host_.listeners_known = all || tcp_shown_ || udp_shown_;
    if (!all && tcp_shown_ != udp_shown_) host_.listeners_of = tcp_shown_ ? tcp : udp;
    if (host_.listeners_of != 0)
      host_.assumed.push_back(std::string("any ") + (tcp_shown_ ? "UDP" : "TCP") +
                              " port may be listened on: the listing of sockets shows none");
    if (!host_.listeners_known)
      host_.assumed.push_back("any port may be listened on: the listing of sockets shows none");
    if (either_stack_)
      host_.assumed.push_back("sockets on :: take IPv4 too: netstat does not say it");
  }

 private:
  static constexpr std::uint8_t tcp = wire::protocol::tcp, udp = wire::protocol::udp;

  static bool is_state(std::string_view word) {
    static constexpr std::array<std::string_view, 13> states = {
        "LISTEN",    "UNCONN",    "ESTAB",      "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
        "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK", "CLOSING",  "CLOSED",   "UNKNOWN"};
    return std::ranges::find(states, word) != states.end();
  }
  static bool is_other_protocol(std::string_view word) {
    static constexpr std::array<std::string_view, 19> others = {
        "raw",     "raw6",     "u_str",     "u_dgr", "u_seq", "nl",  "p_raw",   "p_dgr", "icmp",
        "icmp6",   "sctp",     "dccp",      "mptcp", "v_str", "v_dgr", "v_seq", "xdp",   "unix",
        "udplite"};
    return std::ranges::find(others, word) != others.end();
  }

  bool is_heading(Words& words) {
    const std::string_view first = words.peek();
    const bool of_ss = (first == "Netid" || first == "State") &&
                       words.line().find("Recv-Q") != std::string_view::npos;
    const bool of_netstat = first == "Proto" || words.line().starts_with("Active ");
    has_protocols_ |= of_ss && first == "Netid";
    has_heading_ |= of_ss || of_netstat;
    return of_ss || of_netstat;
  }

  /// `inet-sockopt: ( is_icsk mc_loop transparent)` of the socket in the line before.
  void read_options(std::string_view line) {
    if (last_ == nullptr || line.find("inet-sockopt:") == std::string_view::npos) return;
    last_->transparent = line.find("transparent") != std::string_view::npos;
  }

  /// Behind protocol and state: `0 128 0.0.0.0:22 0.0.0.0:*`.
  void read_socket(Words& words, std::uint8_t protocol, std::string_view state) {
    any_line_ = true;
    words.value("the state");
    words.value("the receive queue");
    if (state == (protocol == tcp ? "LISTEN" : "UNCONN")) add(words, protocol, false);
  }

  /// Behind the protocol: `0 0 0.0.0.0:22 0.0.0.0:* LISTEN`; UDP mostly without a state.
  void read_netstat(Words& words, std::uint8_t protocol) {
    any_line_ = true;
    words.value("the protocol");
    words.value("the receive queue");
    Words state = words;
    state.next();
    state.next();
    const std::string_view word = state.next();
    if (protocol == tcp ? word == "LISTEN" : word != "ESTABLISHED") add(words, protocol, true);
  }

  void add(Words& words, std::uint8_t protocol, bool by_netstat) {
    (protocol == tcp ? tcp_shown_ : udp_shown_) = true;
    auto found = listener(words, by_netstat, book_);
    if (!found) return;
    either_stack_ |= by_netstat && found->dual_stack && found->address.is_unspecified();
    found->protocol = protocol;
    host_.listeners.push_back(*found);
    last_ = &host_.listeners.back();
  }

  Host& host_;
  const DeviceBook& book_;
  Listener* last_ = nullptr;   ///< of the line before
  bool has_heading_ = false, has_protocols_ = false, any_line_ = false;
  bool tcp_shown_ = false, udp_shown_ = false;  ///< at least one listener
  bool either_stack_ = false;  ///< netstat shows a socket on ::
};

}  // namespace

Result<void> read_listeners(const File& file, Host& host, const DeviceBook& book) {
  ListenersReader reader(host, book);
  Result<void> read = read_lines(file, [&](Words& words) { reader.read(words); });
  if (read) reader.finish();
  return read;
}

Result<void> read_socket_options(const File& file, Host& host, const DeviceBook& book) {
  Host shown;
  ListenersReader reader(shown, book);
  Result<void> read = read_lines(file, [&](Words& words) { reader.read(words); });
  for (Listener& socket : host.listeners) {
    const auto same = std::ranges::find_if(shown.listeners, [&](const Listener& other) {
      Listener told = other;
      told.transparent = socket.transparent;
      return told == socket;
    });
    if (same != shown.listeners.end()) socket.transparent = same->transparent;
  }
  return read;
}

}  // namespace wayout::host
