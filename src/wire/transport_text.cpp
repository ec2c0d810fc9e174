#include "wire/transport_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "wire/headers.hpp"

namespace wayout::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::string tcp_flags(std::uint8_t flags) {
  constexpr std::string_view letters = "FSRP.UEW";  // from bit 0 up
  std::string text;
  for (std::size_t bit = 0; bit < letters.size(); ++bit) {
    if ((flags >> bit & 1) != 0) text += letters[bit];
  }
  return text.empty() ? "none" : text;
}

std::string sack_blocks(Bytes value) {
  std::string text = fmt::format("sack {} ", value.size() / 8);
  for (std::size_t at = 0; at + 8 <= value.size(); at += 8) {
    text += fmt::format("{{{}:{}}}", std::uint32_t{*header_at<be32>(value, at)},
                        std::uint32_t{*header_at<be32>(value, at + 4)});
  }
  return text;
}

/// `value` is what follows kind and length.
std::string tcp_option(std::uint8_t kind, Bytes value) {
  enum : std::uint8_t { mss = 2, window_scale = 3, sack_permitted = 4, sack = 5, timestamps = 8 };
  if (kind == mss && value.size() == 2) {
    return fmt::format("mss {}", std::uint16_t{*header_at<be16>(value)});
  }
  if (kind == window_scale && value.size() == 1) return fmt::format("wscale {}", value[0]);
  if (kind == sack_permitted && value.empty()) return "sackOK";
  if (kind == sack && value.size() % 8 == 0) return sack_blocks(value);
  if (kind == timestamps && value.size() == 8) {
    return fmt::format("TS val {} ecr {}", std::uint32_t{*header_at<be32>(value)},
                       std::uint32_t{*header_at<be32>(value, 4)});
  }
  std::string text = fmt::format("unknown-{}", kind);
  if (!value.empty()) text += fmt::format(" 0x{:02x}", fmt::join(value, ""));
  return text;
}

/// `, options [mss 1460,nop]`, or nothing when there are none.
std::string tcp_options(Bytes options) {
  enum : std::uint8_t { end_of_list = 0, no_operation = 1 };
  std::string list;
  while (!options.empty()) {
    const std::uint8_t kind = options[0];
    std::size_t length = 1;
    std::string text;
    if (kind == end_of_list) {
      text = "eol";
      length = options.size();
    } else if (kind == no_operation) {
      text = "nop";
    } else if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      text = "[bad opt]";
      length = options.size();
    } else {
      length = options[1];
      text = tcp_option(kind, options.subspan(2, length - 2));
    }
    list += (list.empty() ? "" : ",") + text;
    options = options.subspan(length);
  }
  return list.empty() ? "" : fmt::format(", options [{}]", list);
}

/// `8.8.8.8 udp port 53 unreachable`: what the quoted packet was after.
std::string unreachable_port(const Ipv4Header& quoted, Bytes quoted_packet) {
  const auto* ports = header_at<be16>(quoted_packet, quoted.header_bytes() + sizeof(be16));
  const std::string destination = quoted.destination_address().text();
  if (ports == nullptr) return fmt::format("{} port unreachable", destination);
  const std::string protocol = quoted.protocol == protocol::tcp ? "tcp"
                               : quoted.protocol == protocol::udp
                                   ? "udp"
                                   : fmt::format("protocol {}", quoted.protocol);
  return fmt::format("{} {} port {} unreachable", destination, protocol, std::uint16_t{*ports});
}

std::string describe_unreachable(const IcmpHeader& icmp, Bytes quoted_packet) {
  const auto* quoted = header_at<Ipv4Header>(quoted_packet);
  if (quoted == nullptr) return fmt::format("unreachable - #{}", icmp.code);
  const std::string to = quoted->destination_address().text();
  switch (icmp.code) {
    case 0:
      return fmt::format("net {} unreachable", to);
    case 1:
      return fmt::format("host {} unreachable", to);
    case 2:
      return fmt::format("{} protocol {} unreachable", to, quoted->protocol);
    case 3:
      return unreachable_port(*quoted, quoted_packet);
    case 4:
      if (icmp.sequence == 0) return fmt::format("{} unreachable - need to frag", to);
      return fmt::format("{} unreachable - need to frag (mtu {})", to,
                         std::uint16_t{icmp.sequence});
    case 5:
      return fmt::format("{} unreachable - source route failed", to);
    case 6:
      return fmt::format("net {} unreachable - unknown", to);
    case 7:
      return fmt::format("host {} unreachable - unknown", to);
    case 8:
      return fmt::format("{} unreachable - source host isolated", to);
    case 9:
      return fmt::format("net {} unreachable - admin prohibited", to);
    case 10:
      return fmt::format("host {} unreachable - admin prohibited", to);
    case 11:
      return fmt::format("net {} unreachable - tos prohibited", to);
    case 12:
      return fmt::format("host {} unreachable - tos prohibited", to);
    case 13:
      return fmt::format("host {} unreachable - admin prohibited filter", to);
    case 14:
      return fmt::format("host {} unreachable - host precedence violation", to);
    case 15:
      return fmt::format("host {} unreachable - precedence cutoff", to);
    default:
      return fmt::format("{} unreachable - #{}", to, icmp.code);
  }
}

std::string describe_redirect(const IcmpHeader& icmp, Bytes message, Bytes quoted_packet) {
  const auto* quoted = header_at<Ipv4Header>(quoted_packet);
  const std::string about = quoted != nullptr ? quoted->destination_address().text() : "";
  const auto gateway = IpAddress::v4(*header_at<be32>(message, 4)).text();
  switch (icmp.code) {
    case 0:
      return fmt::format("redirect {} to net {}", about, gateway);
    case 1:
      return fmt::format("redirect {} to host {}", about, gateway);
    case 2:
      return fmt::format("redirect-tos {} to net {}", about, gateway);
    case 3:
      return fmt::format("redirect-tos {} to host {}", about, gateway);
    default:
      return fmt::format("redirect-#{} {} to {}", icmp.code, about, gateway);
  }
}

}  // namespace

std::string describe_tcp(Bytes segment, std::size_t length) {
  const auto* tcp = header_at<TcpHeader>(segment);
  if (tcp == nullptr) return " [|tcp]";
  const std::size_t header_bytes = tcp->header_bytes();
  if (header_bytes < sizeof(TcpHeader) || header_bytes > length) {
    return fmt::format(" [bad hdr length {}{}]", header_bytes,
                       header_bytes < sizeof(TcpHeader) ? std::string(" - too short, < 20")
                                                        : fmt::format(" - too long, > {}", length));
  }
  const std::size_t data_bytes = length - header_bytes;
  const std::uint32_t sequence = tcp->sequence;

  std::string text = fmt::format("Flags [{}]", tcp_flags(tcp->flags));
  if (data_bytes > 0) {
    text += fmt::format(", seq {}:{}", sequence, sequence + static_cast<std::uint32_t>(data_bytes));
  } else if ((tcp->flags & (TcpHeader::syn | TcpHeader::fin | TcpHeader::rst)) != 0) {
    text += fmt::format(", seq {}", sequence);
  }
  if ((tcp->flags & TcpHeader::ack) != 0) {
    text += fmt::format(", ack {}", std::uint32_t{tcp->acknowledgement});
  }
  text += fmt::format(", win {}", std::uint16_t{tcp->window});
  if ((tcp->flags & TcpHeader::urg) != 0) {
    text += fmt::format(", urg {}", std::uint16_t{tcp->urgent});
  }
  text +=
      tcp_options(segment.first(std::min(header_bytes, segment.size())).subspan(sizeof(TcpHeader)));
  return text + fmt::format(", length {}", data_bytes);
}

std::string describe_udp(Bytes segment, std::size_t length, bool first_fragment) {
  const auto* udp = header_at<UdpHeader>(segment);
  if (udp == nullptr) return fmt::format("truncated-udp {}", length);
  const std::size_t claimed = udp->length;
  if (claimed < sizeof(UdpHeader)) return fmt::format("truncated-udplength {}", claimed);
  if (claimed > length && !first_fragment) {
    return fmt::format("UDP, bad length {} > {}", claimed - sizeof(UdpHeader),
                       length - sizeof(UdpHeader));
  }
  return fmt::format("UDP, length {}", claimed - sizeof(UdpHeader));
}

std::string describe_icmp(Bytes message, std::size_t length) {
  const auto* icmp = header_at<IcmpHeader>(message);
  if (icmp == nullptr) return " [|icmp]";
  const Bytes quoted = message.subspan(sizeof(IcmpHeader));
  std::string text;
  switch (icmp->type) {
    case IcmpHeader::echo_request:
    case IcmpHeader::echo_reply:
      text = fmt::format("echo {}, id {}, seq {}",
                         icmp->type == IcmpHeader::echo_request ? "request" : "reply",
                         std::uint16_t{icmp->id}, std::uint16_t{icmp->sequence});
      break;
    case IcmpHeader::unreachable:
      text = describe_unreachable(*icmp, quoted);
      break;
    case IcmpHeader::source_quench:
      text = "source quench";
      break;
    case IcmpHeader::redirect:
      text = describe_redirect(*icmp, message, quoted);
      break;
    case IcmpHeader::time_exceeded:
      text = icmp->code == 0   ? "time exceeded in-transit"
             : icmp->code == 1 ? "ip reassembly time exceeded"
                               : fmt::format("time exceeded-#{}", icmp->code);
      break;
    case IcmpHeader::parameter_problem:
      text = icmp->code == 0 ? fmt::format("parameter problem - octet {}", message[4])
                             : fmt::format("parameter problem - code {}", icmp->code);
      break;
    default:
      text = fmt::format("type-#{}", icmp->type);
  }
  return fmt::format("ICMP {}, length {}", text, length);
}

}  // namespace wayout::wire
