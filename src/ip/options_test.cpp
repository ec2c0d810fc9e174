// Expectations recorded on Linux 6.18: UDP from 10.0.1.2 with these option bytes through a router
// (a0 10.0.1.1/24, b0 10.0.2.1/24, default via b0); what left, or the pointer of the parameter
// problem that came back. All drops are at ip_rcv_finish_core.
#include <gmock/gmock.h>

#include "ip/ip.hpp"
#include "route/test_world.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::vector<std::uint8_t>;
using route::TestWorld;

class Options : public testing::Test {
 protected:
  Options() {
    world_.add_device("a0");
    world_.add_device("b0");
    world_.address("10.0.1.1/24 dev a0");
    world_.address("10.0.2.1/24 dev b0");
    world_.route("default via 10.0.2.254 dev b0");
    world_.index();
  }

  /// The packet with `option` bytes, routed; options() has looked at it.
  Stop pass(const Bytes& option, const char* destination = "8.8.8.8") {
    Bytes bytes = wire::make_udp(
        {.source = TestWorld::ip("10.0.1.2"), .destination = TestWorld::ip(destination)}, 1000, 53,
        Bytes(8));
    bytes.insert(bytes.begin() + 20, option.begin(), option.end());
    auto* ip = wire::header_at<wire::Ipv4Header>(std::span(bytes));
    ip->version_ihl = static_cast<std::uint8_t>(0x45 + option.size() / 4);
    ip->total_length = static_cast<std::uint16_t>(bytes.size());
    ip->checksum = wire::ipv4_header_checksum(std::span(bytes).first(ip->header_bytes()));
    packet_ = Packet::from_ip(bytes);
    packet_.local = false;
    packet_.type = PacketType::host;
    packet_.device = packet_.ingress = world_.device("a0");
    errors_.clear();
    NoTrace trace;
    Chance chance;
    EXPECT_FALSE(route::input(packet_, world_.fib, world_.interfaces, chance, trace));
    return options(packet_, world_.fib, world_.interfaces, errors_, trace);
  }

  /// True when the header's checksum is right once the packet is forwarded.
  bool sums_up_when_forwarded() {
    NoTrace trace;
    EXPECT_FALSE(forward(packet_, world_.interfaces, errors_, trace));
    const auto network = std::as_const(packet_).network();
    const auto* ip = wire::header_at<wire::Ipv4Header>(network);
    return wire::ipv4_header_checksum(network.first(ip->header_bytes())) == ip->checksum;
  }

  [[nodiscard]] Bytes left(std::size_t size) const {
    const auto bytes = packet_.network().subspan(20, size);
    return {bytes.begin(), bytes.end()};
  }

  TestWorld world_;
  Packet packet_;
  std::vector<IcmpError> errors_;
};

TEST_F(Options, CarriedAlongAndFilledIn) {
  struct Row {
    Bytes before, after;
  };
  const Row rows[] = {
      {{0x1e, 4, 1, 2}, {0x1e, 4, 1, 2}},              // unknown
      {{0x82, 4, 1, 2}, {0x82, 4, 1, 2}},              // security
      {{0x88, 4, 0, 1}, {0x88, 4, 0, 1}},              // stream id
      {{0x94, 4, 0, 0}, {0x94, 4, 0, 0}},              // router alert, nobody listens
      {{0, 9, 7, 1}, {0, 0, 0, 0}},                    // behind the end
      {{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {7, 11, 8, 10, 0, 2, 1, 0, 0, 0, 0, 0}},
      {{7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0}, {7, 11, 12, 1, 2, 3, 4, 10, 0, 2, 1, 0}},
      {{7, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {7, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0}},  // full
      {{0x44, 8, 9, 0, 0, 0, 0, 0}, {0x44, 8, 9, 0x10, 0, 0, 0, 0}},                     // full
      {{0x44, 12, 13, 3, 0, 0, 0, 0, 0, 0, 0, 0}, {0x44, 12, 13, 3, 0, 0, 0, 0, 0, 0, 0, 0}},
      {{0x44, 12, 5, 3, 1, 2, 3, 4, 0, 0, 0, 0}, {0x44, 12, 5, 3, 1, 2, 3, 4, 0, 0, 0, 0}},
      {{0x44, 12, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0}, {0x44, 12, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0}},
  };
  for (const Row& row : rows) {
    EXPECT_FALSE(pass(row.before));
    EXPECT_EQ(left(row.after.size()), row.after) << testing::PrintToString(row.before);
    EXPECT_TRUE(sums_up_when_forwarded());
    EXPECT_TRUE(errors_.empty());
  }
}

TEST_F(Options, RecordsTheAddressThatWasAsked) {
  EXPECT_FALSE(pass({7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "10.0.2.1"));
  EXPECT_EQ(left(12), Bytes({7, 11, 8, 10, 0, 2, 1, 0, 0, 0, 0, 0}));
}

TEST_F(Options, MalformedOnesAreAnsweredWithTheirPlace) {
  struct Row {
    Bytes option;
    std::uint8_t pointer;
  };
  const Row rows[] = {
      {{7, 11, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0x16},             // no room for an address
      {{7, 11, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0x16},
      {{7, 2, 1, 1}, 0x15},
      {{7, 7, 8, 0, 0, 0, 0, 7, 7, 8, 0, 0, 0, 0, 0, 0}, 0x1b},   // a second one
      {{0x82, 0, 1, 1}, 0x14},
      {{0x82, 1, 1, 1}, 0x14},
      {{0x1e, 9, 1, 1}, 0x14},                                    // beyond the header
      {{1, 1, 1, 0x1e}, 0x17},                                    // no length
      {{0x94, 3, 0, 1}, 0x15},
      {{0x44, 8, 9, 0xf0, 0, 0, 0, 0}, 0x17},                     // overflow count is full
      {{0x44, 8, 4, 0, 0, 0, 0, 0}, 0x16},
      {{0x44, 8, 5, 1, 0, 0, 0, 0}, 0x16},
      {{0x44, 3, 5, 1}, 0x15},
      {{0x83, 2, 4, 1}, 0x15},
      {{0x83, 7, 3, 1, 2, 3, 4, 0}, 0x16},
      {{0x83, 7, 4, 1, 2, 3, 4, 0x89, 7, 4, 1, 2, 3, 4, 0, 0}, 0x1b},
  };
  for (const Row& row : rows) {
    const Stop stop = pass(row.option);
    EXPECT_EQ(stop.reason, DropReason::IP_INHDR) << testing::PrintToString(row.option);
    EXPECT_EQ(stop.stage, Stage::ip_rcv_finish_core);
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].type, 12);
    EXPECT_EQ(errors_[0].info, std::uint32_t{row.pointer} << 24)
        << testing::PrintToString(row.option);
  }
}

TEST_F(Options, SourceRoutes) {
  const Bytes loose = {0x83, 7, 4, 1, 2, 3, 4, 0};
  Stop stop = pass(loose);
  EXPECT_EQ(stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_EQ(stop.cause, Cause::sysctl(Sysctl::accept_source_route, world_.device("a0")));
  EXPECT_TRUE(errors_.empty());
  world_["a0"].conf.accept_source_route = true;
  EXPECT_EQ(pass(loose).fate, Fate::dropped) << "conf.all has to say so too";
  world_.interfaces.all.accept_source_route = true;
  EXPECT_EQ(pass(loose).fate, Fate::undecided);
}

}  // namespace
}  // namespace wayout::ip
