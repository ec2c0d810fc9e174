#include "kernel_route.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <stdexcept>

namespace wayout::kernel {
namespace {

void put_address(nlmsghdr* message, std::uint16_t type, const wire::IpAddress& address) {
  mnl_attr_put_u32(message, type, htonl(address.v4()));
}

wire::IpAddress address_of(const nlattr* attribute) {
  return wire::IpAddress::v4(ntohl(mnl_attr_get_u32(attribute)));
}

void put_question(nlmsghdr* message, const RouteQuestion& question) {
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  route->rtm_family = AF_INET;
  route->rtm_dst_len = 32;
  route->rtm_tos = question.tos;
  put_address(message, RTA_DST, question.destination);
  if (question.source.is_set()) {
    route->rtm_src_len = 32;
    put_address(message, RTA_SRC, question.source);
  }
  if (question.iif != 0) mnl_attr_put_u32(message, RTA_IIF, question.iif);
  if (question.oif != 0) mnl_attr_put_u32(message, RTA_OIF, question.oif);
  if (question.iif == 0) mnl_attr_put_u32(message, RTA_UID, question.uid);
  mnl_attr_put_u32(message, RTA_MARK, question.mark);
  mnl_attr_put_u8(message, RTA_IP_PROTO, question.protocol);
  mnl_attr_put_u16(message, RTA_SPORT, htons(question.sport));
  mnl_attr_put_u16(message, RTA_DPORT, htons(question.dport));
}

RouteAnswer read_answer(const nlmsghdr* message, const RouteQuestion& question) {
  constexpr std::uint32_t redirect_flag = 0x01000000;  // RTCF_DOREDIRECT
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  RouteAnswer answer;
  answer.type = static_cast<RouteType>(route->rtm_type);
  answer.redirect = (route->rtm_flags & redirect_flag) != 0;
  if (question.iif == 0 && !question.source.is_unspecified()) answer.source = question.source;
  const auto read = [](const nlattr* attribute, void* into) {
    auto& answer = *static_cast<RouteAnswer*>(into);
    switch (mnl_attr_get_type(attribute)) {
      case RTA_OIF: answer.oif = mnl_attr_get_u32(attribute); break;
      case RTA_GATEWAY: answer.gateway = address_of(attribute); break;
      case RTA_PREFSRC: answer.source = address_of(attribute); break;
      default: break;
    }
    return MNL_CB_OK;
  };
  mnl_attr_parse(message, sizeof(rtmsg), read, &answer);
  return answer;
}

}  // namespace

KernelRoutes::KernelRoutes() : socket_(mnl_socket_open(NETLINK_ROUTE)) {
  if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0)
    throw std::runtime_error("no netlink socket");
}

KernelRoutes::~KernelRoutes() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
}

RouteAnswer KernelRoutes::ask(const RouteQuestion& question) {
  char buffer[8192];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_GETROUTE;
  message->nlmsg_flags = NLM_F_REQUEST;
  message->nlmsg_seq = ++sequence_;
  put_question(message, question);
  RouteAnswer failure;
  failure.error = EIO;
  if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return failure;
  const ssize_t length = mnl_socket_recvfrom(socket_, buffer, sizeof buffer);
  if (length < static_cast<ssize_t>(sizeof(nlmsghdr))) return failure;
  if (message->nlmsg_type != NLMSG_ERROR) return read_answer(message, question);
  failure.error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
  return failure;
}

std::string RouteQuestion::text() const {
  std::string text = destination.text();
  if (source.is_set()) text += " from " + source.text();
  if (iif != 0) text += fmt::format(" iif {}", iif);
  if (oif != 0) text += fmt::format(" oif {}", oif);
  text += fmt::format(" mark {} tos {:#x} ipproto {} sport {} dport {}", mark, tos, protocol, sport,
                      dport);
  if (iif == 0) text += fmt::format(" uid {}", uid);
  return text;
}

std::string RouteAnswer::text() const {
  if (error != 0) return std::strerror(error);
  return fmt::format("type {} dev {} via {} src {}{}", static_cast<int>(type), oif, gateway.text(),
                     source.text(), redirect ? " redirect" : "");
}

}  // namespace wayout::kernel
