// Our routing decisions against the running kernel's, on random namespaces.
//
// Each round makes a namespace, reads it back as the kernel has it, and puts random questions to
// both. Where ours depends on chance, the kernel's answer must be one of the outcomes. The seed is
// printed; WAYOUT_SEED sets it and WAYOUT_ROUNDS the number of namespaces. A failure is shrunk:
// lines of the namespace that it does not need are left out before it is shown.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel_route.hpp"
#include "namespace.hpp"
#include "route/print.hpp"
#include "route_world.hpp"

namespace wayout::kernel {
namespace {

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : otherwise;
}

wire::IpAddress any_address(std::mt19937& random) {
  using wire::IpAddress;
  const auto below = [&](unsigned n) { return static_cast<std::uint8_t>(random() % n); };
  switch (random() % 16) {
    case 0: return IpAddress::v4(127, below(2), 0, below(3));
    case 1: return IpAddress::v4(224, 0, 0, below(2) + std::uint8_t{1});
    case 2: return IpAddress::v4(0xffffffff);
    case 3: return IpAddress::v4(0);
    case 4:
    case 5:
    case 6: return IpAddress::v4(192, 0, 2, below(8));
    case 7: return IpAddress::v4(8, 8, 8, below(4));
    case 8: return IpAddress::v4(10, 77, 0, 1);
    case 9: return IpAddress::v4(10, 0, below(4) + std::uint8_t{1}, 255);
    default: return IpAddress::v4(10, 0, below(4) + std::uint8_t{1}, below(10));
  }
}

RouteQuestion random_question(std::mt19937& random, const RoutingWorld& world) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  const auto ifindex = [&] {
    return world.interfaces[1 + static_cast<DeviceId>(random() % (world.names.size() - 1))].order;
  };
  RouteQuestion question;
  question.destination = any_address(random);
  question.mark = random() % 4;
  question.tos = one_in(3) ? static_cast<std::uint8_t>(random()) & 0xfc : 0;
  constexpr std::uint8_t protocols[] = {17, 6, 1};
  question.protocol = protocols[random() % 3];
  question.sport = one_in(2) ? 1000 : 3000;
  question.dport = one_in(2) ? 80 : 53;
  if (question.protocol == 1) question.sport = question.dport = 0;
  if (one_in(2)) {
    question.iif = ifindex();
    question.source = any_address(random);
    return question;
  }
  if (one_in(2)) question.source = any_address(random);
  if (one_in(3)) question.oif = ifindex();
  question.uid = one_in(2) ? 0 : 500;
  return question;
}

/// Towards groups the source names the device; when two devices have it, the one that got it last
/// does, and nobody can see which that was.
bool has_two_answers(const RouteQuestion& question, const RoutingWorld& world) {
  const bool to_many =
      question.destination.is_multicast() || question.destination.is_limited_broadcast();
  if (question.iif != 0 || question.oif != 0 || !to_many) return false;
  int owners = 0;
  for (const route::Interface& interface : world.interfaces.list) {
    for (const route::InterfaceAddress& address : interface.addresses)
      owners += address.local == question.source ? 1 : 0;
  }
  return owners > 1;
}

DeviceId by_ifindex(const RoutingWorld& world, std::uint32_t ifindex) {
  for (DeviceId id = 1; id < world.interfaces.size(); ++id)
    if (world.interfaces[id].order == ifindex) return id;
  return no_device;
}

int error_of(const Routing& routing) {
  if (routing.gate.kind() != CauseKind::none) return EHOSTUNREACH;
  switch (routing.type) {
    case RouteType::blackhole: return EINVAL;
    case RouteType::prohibit: return EACCES;
    default: return routing.by.kind() == CauseKind::route ? EHOSTUNREACH : ENETUNREACH;
  }
}

RouteAnswer our_answer(const RouteQuestion& question, const RoutingWorld& world, Chance& chance) {
  route::Flow flow;
  flow.source = question.source;
  flow.destination = question.destination;
  flow.mark = question.mark;
  flow.tos = question.tos;
  flow.protocol = question.protocol;
  flow.sport = question.sport;
  flow.dport = question.dport;
  Routing routing;
  RouteAnswer answer;
  if (question.iif != 0) {
    flow.uid = 0;
    flow.ingress = by_ifindex(world, question.iif);
    const auto decision =
        route::decide_input(flow, /*is_arp=*/false, world.fib, world.interfaces, chance);
    routing = decision.routing;
    if (decision.stop) answer.error = EINVAL;
    if (!decision.stop && routing.error) answer.error = error_of(routing);
  } else {
    flow.uid = question.uid;
    flow.egress = by_ifindex(world, question.oif);
    Packet packet;
    NoTrace trace;
    if (route::output(flow, packet, world.fib, world.interfaces, chance, trace))
      answer.error = ENETUNREACH;
    routing = packet.routing;
    answer.source = flow.source.is_unspecified() ? wire::IpAddress{} : flow.source;
  }
  if (answer.error != 0) return RouteAnswer{.error = answer.error};
  answer.type = routing.type;
  answer.oif = world.interfaces[routing.egress].order;
  answer.gateway = routing.gateway;
  answer.redirect = routing.redirect;
  return answer;
}

/// Every answer that some outcome of chance leads to.
std::vector<RouteAnswer> our_answers(const RouteQuestion& question, const RoutingWorld& world) {
  constexpr std::size_t most = 64;
  std::vector<RouteAnswer> answers;
  std::vector<std::vector<std::uint32_t>> scripts{{}};
  for (std::size_t i = 0; i < scripts.size() && i < most; ++i) {
    const std::vector<std::uint32_t> script = scripts[i];
    Chance chance(script);
    answers.push_back(our_answer(question, world, chance));
    for (std::size_t j = script.size(); j < chance.asked().size(); ++j) {
      for (std::uint32_t option = 1; option < chance.asked()[j].options; ++option) {
        std::vector<std::uint32_t> other;
        for (std::size_t k = 0; k < j; ++k) other.push_back(chance.asked()[k].taken);
        other.push_back(option);
        scripts.push_back(std::move(other));
      }
    }
  }
  return answers;
}

/// "" when we agree. Which error a local sender gets is not compared: ours has one for all.
std::string difference(const RouteQuestion& question, RouteAnswer kernel,
                       const RoutingWorld& world) {
  if (question.iif == 0 && kernel.error != 0) kernel = RouteAnswer{.error = ENETUNREACH};
  std::string ours;
  for (const RouteAnswer& answer : our_answers(question, world)) {
    if (answer == kernel) return "";
    ours += (ours.empty() ? "" : " or ") + answer.text();
  }
  return fmt::format("ip route get {}\n  kernel: {}\n  ours:   {}", question.text(), kernel.text(),
                     ours);
}

RoutingWorld make_world(const std::vector<std::string>& lines) {
  run_all(lines);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // the loss of carrier is told later
  return read_routing_world();
}

/// The difference on a namespace made by `lines`; "" also when none can be made.
std::string difference_on(const std::vector<std::string>& lines, const RouteQuestion& question) {
  if (!enter_new_namespace().empty()) return "";
  const RoutingWorld world = make_world(lines);
  return difference(question, KernelRoutes().ask(question), world);
}

/// Leave out every line without which the difference stays; but links keep their numbers, and
/// nexthop objects know of a change of addresses.
std::vector<std::string> shrink(std::vector<std::string> lines, const RouteQuestion& question) {
  for (std::size_t i = lines.size(); i-- > 0;) {
    if (lines[i].starts_with("link add") || lines[i].find(" 10.250.0.1/") != std::string::npos)
      continue;
    std::vector<std::string> fewer = lines;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (!difference_on(fewer, question).empty()) lines = std::move(fewer);
  }
  return lines;
}

TEST(RouteKernel, RandomQuestions) {
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  const unsigned rounds = from_environment("WAYOUT_ROUNDS", 12);
  constexpr int questions = 400;
  fmt::print("WAYOUT_SEED={} WAYOUT_ROUNDS={}\n", seed, rounds);
  std::mt19937 random(seed);
  unsigned asked = 0, reached = 0, open = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    WAYOUT_NEEDS_NAMESPACE();
    const std::vector<std::string> lines = random_routing_world(random);
    const RoutingWorld world = make_world(lines);
    KernelRoutes kernel;
    for (int i = 0; i < questions; ++i) {
      const RouteQuestion question = random_question(random, world);
      if (has_two_answers(question, world)) continue;
      const RouteAnswer answer = kernel.ask(question);
      ++asked;
      if (answer.error == 0) ++reached;
      if (our_answers(question, world).size() > 1) ++open;
      const std::string found = difference(question, answer, world);
      if (found.empty()) continue;
      const auto needed = shrink(lines, question);
      const std::string smaller = difference_on(needed, question);
      FAIL() << (smaller.empty() ? found : smaller) << "\nround " << round << ", on:\n"
             << fmt::format("{}", fmt::join(needed, "\n"));
    }
  }
  fmt::print("{} questions, {} with a route, {} left to chance\n", asked, reached, open);
  EXPECT_GT(reached, asked / 10) << "the questions do not ask much";
}

TEST(RouteKernel, PrintsAsIpDoes) {
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  fmt::print("WAYOUT_SEED={}\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5; ++round) {
    WAYOUT_NEEDS_NAMESPACE();
    const RoutingWorld world = make_world(random_routing_world(random));
    const route::Names names{world.names, world.table_names};
    std::string routes, rules;
    for (std::uint32_t table = 0; table < world.fib.tables.size(); ++table) {
      for (std::uint32_t i = 0; i < world.fib.tables[table].routes.size(); ++i)
        routes += route::text(world.fib, RouteRef{table, i}, names) + "\n";
    }
    for (std::uint32_t i = 0; i < world.fib.rules.size(); ++i)
      rules += route::rule_text(world.fib, i, names) + "\n";
    // One line a route, no blank at the end; states of devices are not repeated on their routes.
    EXPECT_EQ(routes, output_of("ip -4 route show table all | sed -z 's/ \\n\\tnexthop/ nexthop/g;"
                                "s/ dead\\( onlink\\)\\? linkdown/\\1/g;s/ linkdown//g;"
                                "s/ \\n/\\n/g'"));
    EXPECT_EQ(rules, output_of("ip -4 rule show"));
  }
}

/// All routes as text, in no order.
std::multiset<std::string> all_routes(const route::Fib& fib, const route::Names& names) {
  std::multiset<std::string> lines;
  for (std::uint32_t table = 0; table < fib.tables.size(); ++table) {
    for (std::uint32_t i = 0; i < fib.tables[table].routes.size(); ++i)
      lines.insert(route::text(fib, RouteRef{table, i}, names));
  }
  return lines;
}

TEST(RouteKernel, AddressesImplyTheRoutesThatTheKernelAdds) {
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  fmt::print("WAYOUT_SEED={}\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 10; ++round) {
    WAYOUT_NEEDS_NAMESPACE();
    const std::vector<std::string> lines = random_addresses(random);
    const RoutingWorld world = make_world(lines);
    const route::Names names{world.names, world.table_names};
    route::Fib implied;
    route::add_implied_routes(implied, world.interfaces);
    EXPECT_EQ(all_routes(implied, names), all_routes(world.fib, names))
        << fmt::format("{}", fmt::join(lines, "\n"));
  }
}

}  // namespace
}  // namespace wayout::kernel
