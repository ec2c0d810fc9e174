#include "host/live/netlink.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace wayout::host::live {

namespace {

/// The kernel fills dumps in pieces of up to 32 KiB.
constexpr std::size_t buffer_bytes = 64 * 1024;
/// A list that changes all the time is taken as it comes after so many attempts.
constexpr int attempts = 8;

/// The last message of an answer: what it says of the whole, 0 or an errno.
std::optional<int> outcome(const nlmsghdr& message) {
  if (message.nlmsg_type == NLMSG_OVERRUN) return EIO;
  if (message.nlmsg_type != NLMSG_DONE && message.nlmsg_type != NLMSG_ERROR) return std::nullopt;
  const auto* error = header_of<std::int32_t>(message);
  return error == nullptr ? 0 : -*error;
}

}  // namespace

Result<Netlink> Netlink::open(int protocol) {
  mnl_socket* socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
  if (socket == nullptr) return Error{"", 0, 0, fmt::format("netlink: {}", std::strerror(errno))};
  Netlink netlink(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
    return Error{"", 0, 0, fmt::format("netlink: {}", std::strerror(errno))};
  const int on = 1;
  // Kernels before 4.20 do not know these; they list more than asked, which readers filter.
  mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, const_cast<int*>(&on), sizeof on);
  mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, const_cast<int*>(&on), sizeof on);
  return netlink;
}

Result<void> Netlink::request(std::uint16_t type, std::uint16_t flags,
                              std::span<const std::byte> body, const Visit& visit) {
  std::vector<std::byte> answer;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    last_errno_ = ask(type, flags, body, answer);
    if (last_errno_ != EINTR) break;
  }
  if (last_errno_ == EPERM)
    return Error{"", 0, 0, "the kernel tells this only to root (CAP_NET_ADMIN)"};
  if (last_errno_ != 0 && last_errno_ != EINTR)
    return Error{"", 0, 0, fmt::format("netlink: {}", std::strerror(last_errno_))};
  const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
  for (int left = static_cast<int>(answer.size()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left))
    visit(*message);
  return {};
}

int Netlink::send(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body) {
  std::vector<std::byte> buffer(MNL_NLMSG_HDRLEN + MNL_ALIGN(body.size()));
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request->nlmsg_seq = ++sequence_;
  std::memcpy(mnl_nlmsg_put_extra_header(request, body.size()), body.data(), body.size());
  return mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0 ? errno : 0;
}

int Netlink::ask(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body,
                 std::vector<std::byte>& answer) {
  answer.clear();
  if (const int error = send(type, flags, body); error != 0) return error;
  std::vector<std::byte> buffer(buffer_bytes);
  bool interrupted = false;
  for (;;) {
    const ssize_t length = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (length < 0) return errno;
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (int left = static_cast<int>(length); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;
      interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (const auto error = outcome(*message)) return *error == 0 && interrupted ? EINTR : *error;
      const auto* bytes = reinterpret_cast<const std::byte*>(message);
      answer.insert(answer.end(), bytes, bytes + message->nlmsg_len);
      answer.resize(MNL_ALIGN(answer.size()));
    }
  }
}

Attributes::Attributes(const std::byte* bytes, std::size_t length_bytes) {
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes);
  auto left = static_cast<int>(length_bytes);
  while (mnl_attr_ok(attribute, left)) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < by_type_.size()) by_type_[type] = attribute;
    left -= MNL_ALIGN(attribute->nla_len);
    attribute = mnl_attr_next(attribute);
  }
}

Attributes::Attributes(const nlmsghdr& message, std::size_t header_bytes)
    : Attributes(
          static_cast<const std::byte*>(mnl_nlmsg_get_payload_offset(&message, header_bytes)),
          mnl_nlmsg_get_payload_len(&message) -
              std::min<std::size_t>(MNL_ALIGN(header_bytes), mnl_nlmsg_get_payload_len(&message))) {
}

Attributes::Attributes(const nlattr& nest)
    : Attributes(static_cast<const std::byte*>(mnl_attr_get_payload(&nest)),
                 mnl_attr_get_payload_len(&nest)) {}

std::optional<std::uint16_t> Attributes::be16(std::size_t type) const {
  const auto raw = number<std::array<std::uint8_t, 2>>(type);
  if (!raw) return std::nullopt;
  return static_cast<std::uint16_t>((*raw)[0] << 8 | (*raw)[1]);
}

std::optional<std::uint32_t> Attributes::be32(std::size_t type) const {
  const auto raw = number<std::array<std::uint8_t, 4>>(type);
  if (!raw) return std::nullopt;
  return std::uint32_t{(*raw)[0]} << 24 | std::uint32_t{(*raw)[1]} << 16 |
         std::uint32_t{(*raw)[2]} << 8 | (*raw)[3];
}

std::string_view Attributes::text(std::size_t type) const {
  const nlattr* attribute = (*this)[type];
  if (attribute == nullptr) return {};
  const auto* begin = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {begin, strnlen(begin, mnl_attr_get_payload_len(attribute))};
}

wire::IpAddress Attributes::address(std::size_t type) const {
  if (const auto v4 = be32(type)) return wire::IpAddress::v4(*v4);
  if (const auto v6 = number<std::array<std::uint8_t, 16>>(type)) return wire::IpAddress::v6(*v6);
  return {};
}

std::optional<wire::MacAddress> Attributes::mac(std::size_t type) const {
  const auto raw = number<std::array<std::uint8_t, 6>>(type);
  return raw ? std::optional(wire::MacAddress{*raw}) : std::nullopt;
}

std::optional<Attributes> Attributes::nested(std::size_t type) const {
  const nlattr* attribute = (*this)[type];
  return attribute == nullptr ? std::nullopt : std::optional(Attributes(*attribute));
}

}  // namespace wayout::host::live
