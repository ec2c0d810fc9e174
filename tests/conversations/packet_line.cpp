#include "packet_line.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::conversation {
namespace {

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void give_up(std::string_view line) {
  std::fprintf(stderr, "not a packet: %.*s\n", static_cast<int>(line.size()), line.data());
  std::abort();
}

/// The words of a line: the first ones in order, the others by name.
class Words {
 public:
  explicit Words(std::string_view line) : line_(line) {
    std::istringstream stream{std::string(line)};
    std::string word;
    while (stream >> word) {
      if (word == "about") {
        std::getline(stream, about_);
        return;
      }
      const auto equals = word.find('=');
      if (equals == std::string::npos)
        plain_.push_back(word);
      else
        named_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }

  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] const std::string& about() const { return about_; }
  [[nodiscard]] const std::string& plain(std::size_t i) const {
    if (i >= plain_.size()) give_up(line_);
    return plain_[i];
  }
  [[nodiscard]] bool has(std::string_view flag) const {
    for (const std::string& word : plain_) {
      if (word == flag) return true;
    }
    return named_.contains(std::string(flag));
  }
  [[nodiscard]] std::uint32_t number(const std::string& name, std::uint32_t otherwise = 0) const {
    const auto found = named_.find(name);
    if (found == named_.end()) return otherwise;
    return static_cast<std::uint32_t>(std::strtoul(found->second.c_str(), nullptr, 0));
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = named_.find(name);
    return found == named_.end() ? "" : found->second;
  }

 private:
  std::string_view line_;
  std::vector<std::string> plain_;
  std::map<std::string, std::string> named_;
  std::string about_;
};

struct End {
  wire::IpAddress address;
  std::uint16_t port = 0;
};

End end_of(const std::string& text, std::string_view line) {
  const auto colon = text.find(':');
  const auto address = wire::IpAddress::parse(text.substr(0, colon));
  if (!address) give_up(line);
  End end{*address};
  if (colon != std::string::npos)
    end.port = static_cast<std::uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
  return end;
}

void put16(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& bytes, std::uint32_t value) {
  put16(bytes, value >> 16);
  put16(bytes, value & 0xffff);
}

std::uint8_t tcp_flags(const std::string& letters) {
  constexpr std::string_view order = "FSRPAUEC";
  std::uint8_t flags = 0;
  for (const char letter : letters) {
    const auto bit = order.find(letter);
    if (bit != std::string_view::npos) flags |= static_cast<std::uint8_t>(1U << bit);
  }
  return flags;
}

Bytes tcp_options(const Words& words) {
  Bytes options;
  if (words.has("sackok")) options.insert(options.end(), {4, 2});
  if (words.has("ws"))
    options.insert(options.end(), {3, 3, static_cast<std::uint8_t>(words.number("ws"))});
  if (const std::string sack = words.text("sack"); !sack.empty()) {
    const auto dash = sack.find('-');
    options.insert(options.end(), {5, 10});
    put32(options, static_cast<std::uint32_t>(std::stoul(sack.substr(0, dash))));
    put32(options, static_cast<std::uint32_t>(std::stoul(sack.substr(dash + 1))));
  }
  while (options.size() % 4 != 0)
    options.push_back(1);
  return options;
}

Bytes tcp(const Words& words, const End& source, const End& destination) {
  const Bytes options = tcp_options(words);
  Bytes segment;
  put16(segment, source.port);
  put16(segment, destination.port);
  put32(segment, words.number("seq"));
  put32(segment, words.number("ack"));
  segment.push_back(static_cast<std::uint8_t>((5 + options.size() / 4) << 4));
  segment.push_back(tcp_flags(words.plain(3)));
  put16(segment, words.number("win", 8192));
  put32(segment, 0);
  segment.insert(segment.end(), options.begin(), options.end());
  segment.resize(segment.size() + words.number("len"), 'x');
  wire::header_at<wire::TcpHeader>(std::span(segment))->checksum = wire::transport_checksum(
      source.address, destination.address, wire::protocol::tcp, segment, 16);
  return segment;
}

Bytes udp(const Words& words, const End& source, const End& destination) {
  Bytes segment;
  put16(segment, source.port);
  put16(segment, destination.port);
  put16(segment, words.number("udplen", 8 + words.number("len")));
  put16(segment, 0);
  segment.resize(segment.size() + words.number("len"), 'x');
  if (!words.has("nosum")) {
    wire::header_at<wire::UdpHeader>(std::span(segment))->checksum = wire::transport_checksum(
        source.address, destination.address, wire::protocol::udp, segment, 6);
  }
  return segment;
}

Bytes icmp(const Words& words) {
  Bytes message{static_cast<std::uint8_t>(words.number("type")),
                static_cast<std::uint8_t>(words.number("code")), 0, 0};
  put16(message, words.number("id"));
  put16(message, 0);
  if (!words.about().empty()) {
    Bytes quoted = make_packet(words.about());
    quoted.resize(std::min<std::size_t>(quoted.size(), words.number("quote", 1000)));
    message.insert(message.end(), quoted.begin(), quoted.end());
  }
  message.resize(message.size() + words.number("len"), 'x');
  wire::header_at<wire::IcmpHeader>(std::span(message))->checksum =
      wire::checksum_finish(wire::checksum_add(message));
  return message;
}

Bytes sctp(const Words& words, const End& source, const End& destination) {
  static const std::map<std::string, int> chunk_types{{"data", 0},
                                                      {"init", 1},
                                                      {"init-ack", 2},
                                                      {"sack", 3},
                                                      {"heartbeat", 4},
                                                      {"heartbeat-ack", 5},
                                                      {"abort", 6},
                                                      {"shutdown", 7},
                                                      {"shutdown-ack", 8},
                                                      {"error", 9},
                                                      {"cookie-echo", 10},
                                                      {"cookie-ack", 11},
                                                      {"shutdown-complete", 14}};
  const int type = chunk_types.at(words.plain(3));
  const bool init = type == 1 || type == 2;
  Bytes packet;
  put16(packet, source.port);
  put16(packet, destination.port);
  put32(packet, words.number("tag"));
  put32(packet, 0);
  packet.push_back(static_cast<std::uint8_t>(type));
  packet.push_back(0);
  put16(packet, init ? 20 : 8);
  put32(packet, init ? words.number("itag") : 0);
  if (init) packet.resize(packet.size() + 12);
  wire::header_at<wire::SctpHeader>(std::span(packet))->checksum = wire::sctp_checksum(packet);
  return packet;
}

Bytes from_hex(const std::string& digits) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

Bytes make_packet(std::string_view line) {
  const Words words(line);
  const std::string& kind = words.plain(0);
  const End source = end_of(words.plain(1), line), destination = end_of(words.plain(2), line);
  wire::Ipv4Fields ip{.source = source.address, .destination = destination.address, .id = 1};
  Bytes payload;
  if (kind == "tcp") {
    ip.protocol = wire::protocol::tcp;
    payload = tcp(words, source, destination);
  } else if (kind == "udp") {
    ip.protocol = wire::protocol::udp;
    payload = udp(words, source, destination);
  } else if (kind == "icmp") {
    ip.protocol = wire::protocol::icmp;
    payload = icmp(words);
  } else if (kind == "sctp") {
    ip.protocol = wire::protocol::sctp;
    payload = sctp(words, source, destination);
  } else if (kind == "ip") {
    ip.protocol = static_cast<std::uint8_t>(words.number("proto"));
    payload = from_hex(words.text("hex"));
  } else {
    give_up(line);
  }
  if (words.has("badsum")) payload[payload.size() - 1] ^= 0x55;
  return wire::make_ipv4(ip, payload);
}

}  // namespace wayout::conversation
