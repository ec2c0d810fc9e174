// One netlink socket: asking the kernel for lists.
//
// A socket belongs to the network namespace of the thread that opens it. Dumps are asked with
// strict checking, so that the kernel refuses what it does not understand instead of listing
// everything, and are asked again when the kernel says that they were interrupted by a change.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "wayout/result.hpp"
#include "wire/address.hpp"

namespace wayout::host::live {

class Netlink {
 public:
  /// `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER, …
  static Result<Netlink> open(int protocol);

  using Visit = std::function<void(const nlmsghdr&)>;

  /// All messages that the kernel has of `type`; `question` is the fixed header of the request, or
  /// a struct of it and attributes. Fails with the kernel's error.
  template <class Question>
  Result<void> dump(std::uint16_t type, const Question& question, const Visit& visit) {
    return request(type, NLM_F_DUMP, bytes_of(question), visit);
  }
  /// The answer to one question, with its attributes behind its header.
  template <class Question>
  Result<void> get(std::uint16_t type, const Question& question, const Visit& visit) {
    return request(type, NLM_F_ACK, bytes_of(question), visit);
  }

  /// The errno of the last failure: EOPNOTSUPP, EPERM, … tell "not there" from "not allowed".
  [[nodiscard]] int last_errno() const { return last_errno_; }

 private:
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}

  template <class Question>
  static std::span<const std::byte> bytes_of(const Question& question) {
    return std::as_bytes(std::span<const Question, 1>(&question, 1));
  }
  Result<void> request(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body,
                       const Visit& visit);
  /// One attempt: the messages of the answer, one behind the other. Returns 0 or an errno; EINTR:
  /// the list changed while it was made.
  int ask(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body,
          std::vector<std::byte>& answer);
  int send(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body);

  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
  int last_errno_ = 0;
};

/// The attributes of a message or of a nested attribute, by type. Attributes that are too short for
/// what is asked of them read as absent.
class Attributes {
 public:
  /// Those behind the fixed header of `header_bytes`.
  Attributes(const nlmsghdr& message, std::size_t header_bytes);
  /// Those inside a nested attribute.
  explicit Attributes(const nlattr& nest);
  /// Those in some bytes.
  Attributes(const std::byte* bytes, std::size_t length_bytes);

  [[nodiscard]] const nlattr* operator[](std::size_t type) const {
    return type < by_type_.size() ? by_type_[type] : nullptr;
  }
  [[nodiscard]] bool has(std::size_t type) const { return (*this)[type] != nullptr; }

  /// A number of exactly this size, in host order as netlink has it.
  template <class T>
  [[nodiscard]] std::optional<T> number(std::size_t type) const {
    const nlattr* attribute = (*this)[type];
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(T))
      return std::nullopt;
    T value;
    std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof(T));
    return value;
  }
  /// A number in network order.
  [[nodiscard]] std::optional<std::uint16_t> be16(std::size_t type) const;
  [[nodiscard]] std::optional<std::uint32_t> be32(std::size_t type) const;
  /// Up to the first NUL; "" when absent.
  [[nodiscard]] std::string_view text(std::size_t type) const;
  /// By the attribute's length: 4 or 16 bytes; not set otherwise.
  [[nodiscard]] wire::IpAddress address(std::size_t type) const;
  [[nodiscard]] std::optional<wire::MacAddress> mac(std::size_t type) const;
  [[nodiscard]] std::optional<Attributes> nested(std::size_t type) const;

 private:
  std::array<const nlattr*, 128> by_type_{};
};

/// Calls visit for every attribute inside `nest`, for lists in which a type repeats.
template <class Visit>
void for_each_nested(const nlattr& nest, Visit visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(&nest));
  int left = mnl_attr_get_payload_len(&nest);
  while (mnl_attr_ok(attribute, left)) {
    visit(*attribute);
    left -= MNL_ALIGN(attribute->nla_len);
    attribute = mnl_attr_next(attribute);
  }
}

/// The fixed header behind nlmsghdr; null when the message is too short for it.
template <class Header>
[[nodiscard]] const Header* header_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

}  // namespace wayout::host::live
