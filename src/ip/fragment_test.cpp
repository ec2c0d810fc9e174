// Expectations recorded on Linux 6.18 with conntrack on (so that a router reassembles): fragments
// of one datagram into a router, and the fragments that left it; without it for single packets.
#include <gmock/gmock.h>

#include "ip/defrag.hpp"
#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::vector<std::uint8_t>;
using wire::Ipv4Header;

/// Payload of a fragment: where it lies in the datagram, its length, and the header's say.
struct Part {
  std::size_t offset = 0, bytes = 0;
  bool more = false;
  bool df = false;
  std::uint8_t tos = 0;
  Bytes options;
  bool operator==(const Part&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Part& p) {
  return out << p.bytes << "@" << p.offset << (p.more ? "+" : "") << (p.df ? " DF" : "") << " tos "
             << int{p.tos} << " " << testing::PrintToString(p.options);
}

std::uint8_t byte_at(std::size_t i) { return static_cast<std::uint8_t>(i * 7 + 3); }

Packet fragment_of(const Part& part) {
  Bytes payload(part.bytes);
  for (std::size_t i = 0; i < part.bytes; ++i) payload[i] = byte_at(part.offset + i);
  Bytes bytes = wire::make_ipv4({.source = wire::IpAddress::v4(10, 0, 1, 2),
                                 .destination = wire::IpAddress::v4(8, 8, 8, 8),
                                 .protocol = wire::protocol::udp,
                                 .tos = part.tos,
                                 .id = 77,
                                 .dont_fragment = part.df},
                                payload);
  bytes.insert(bytes.begin() + 20, part.options.begin(), part.options.end());
  auto* ip = wire::header_at<Ipv4Header>(std::span(bytes));
  ip->version_ihl = static_cast<std::uint8_t>(0x45 + part.options.size() / 4);
  ip->total_length = static_cast<std::uint16_t>(bytes.size());
  ip->fragment = static_cast<std::uint16_t>(ip->fragment | part.offset / 8 |
                                            (part.more ? Ipv4Header::more_fragments : 0));
  ip->checksum = wire::ipv4_header_checksum(std::span(bytes).first(ip->header_bytes()));
  return Packet::from_ip(bytes);
}

/// What a packet is as a fragment; its bytes are checked on the way.
Part part_of(const Packet& packet) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<Ipv4Header>(network);
  EXPECT_EQ(wire::ipv4_header_checksum(network.first(ip->header_bytes())), ip->checksum);
  EXPECT_EQ(ip->total_length, network.size());
  const auto payload = network.subspan(ip->header_bytes());
  Part part{ip->fragment_offset_bytes(), payload.size(), ip->has_more_fragments(),
            ip->has_dont_fragment(), ip->tos, {}};
  part.options.assign(network.begin() + 20,
                      network.begin() + static_cast<std::ptrdiff_t>(ip->header_bytes()));
  for (std::size_t i = 0; i < payload.size(); ++i)
    EXPECT_EQ(payload[i], byte_at(part.offset + i)) << i;
  return part;
}

/// A router that reassembles and sends on.
class Router {
 public:
  explicit Router(std::uint32_t mtu = 1500) : mtu_(mtu) {}

  Stop take(const Part& part) {
    Packet packet = fragment_of(part);
    NoTrace trace;
    const Stop stop = defragment(packet, Hook::prerouting, no_device, {}, fragments_, now_ms, trace);
    if (!stop) whole_ = packet;
    return stop;
  }

  /// The reasons of those that were dropped; `sent` is what left.
  std::vector<DropReason> take_all(const std::vector<Part>& parts) {
    std::vector<DropReason> reasons;
    for (const Part& part : parts) {
      const Stop stop = take(part);
      if (stop.fate == Fate::dropped) reasons.push_back(stop.reason);
    }
    return reasons;
  }

  [[nodiscard]] std::vector<Part> sent() const {
    std::vector<Part> parts;
    if (whole_ && !(whole_->network().size() > mtu_ && must_not_fragment(*whole_, mtu_))) {
      for (const Packet& piece : fragment(*whole_, mtu_)) parts.push_back(part_of(piece));
    }
    return parts;
  }
  [[nodiscard]] bool has_whole() const { return whole_.has_value(); }

  std::int64_t now_ms = 1000;

 private:
  std::uint32_t mtu_;
  Fragments fragments_;
  std::optional<Packet> whole_;
};

struct Case {
  const char* name;
  std::vector<Part> received;
  std::vector<Part> left;
  std::vector<DropReason> dropped;
  std::uint32_t mtu = 1500;
};

const Bytes copied_and_not = {0x1e, 4, 1, 2, 0x9e, 4, 1, 2},
            only_copied = {1, 1, 1, 1, 0x9e, 4, 1, 2};

class Reassembled : public testing::TestWithParam<Case> {};

TEST_P(Reassembled, LeavesAsTheKernelSendsIt) {
  Router router(GetParam().mtu);
  EXPECT_EQ(router.take_all(GetParam().received), GetParam().dropped);
  EXPECT_EQ(router.sent(), GetParam().left);
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, Reassembled,
    testing::Values(
        Case{"in order",
             {{0, 800, true}, {800, 800, true}, {1600, 400}},
             {{0, 800, true}, {800, 800, true}, {1600, 400}},
             {}},
        Case{"reversed",
             {{1600, 400}, {800, 800, true}, {0, 800, true}},
             {{0, 800, true}, {800, 800, true}, {1600, 400}},
             {}},
        Case{"uneven",
             {{0, 400, true}, {400, 800, true}, {1200, 300}},
             {{0, 400, true}, {400, 800, true}, {1200, 300}},
             {}},
        Case{"middle first",
             {{400, 800, true}, {0, 400, true}, {1200, 300}},
             {{0, 400, true}, {400, 800, true}, {1200, 300}},
             {}},
        Case{"small ones stay small",
             {{0, 200, true}, {200, 200, true}, {400, 200}},
             {{0, 200, true}, {200, 200, true}, {400, 200}},
             {}},
        Case{"DF is lost", {{0, 400, true, true}, {400, 300}}, {{0, 400, true}, {400, 300}}, {}},
        Case{"DF, too big", {{0, 400, true, true}, {400, 300}}, {}, {}, 300},
        Case{"DF, just fits",
             {{0, 400, true, true}, {400, 300}},
             {{0, 400, true}, {400, 300}},
             {},
             420},
        Case{"cut again",
             {{0, 400, true}, {400, 300}},
             {{0, 280, true}, {280, 280, true}, {560, 140}},
             {},
             300},
        Case{"duplicate",
             {{0, 400, true}, {0, 400, true}, {400, 300}},
             {{0, 400, true}, {400, 300}},
             {DropReason::DUP_FRAG}},
        Case{"duplicate inside",
             {{0, 400, true}, {8, 80, true}, {400, 300}},
             {{0, 400, true}, {400, 300}},
             {DropReason::DUP_FRAG}},
        Case{"within two that came in order",
             {{0, 200, true}, {200, 200, true}, {104, 200, true}, {400, 300}},
             {{0, 200, true}, {200, 200, true}, {400, 300}},
             {DropReason::DUP_FRAG}},
        Case{"within two that did not",
             {{200, 200, true}, {0, 200, true}, {104, 200, true}, {400, 300}},
             {},
             {DropReason::NOT_SPECIFIED}},
        Case{"overlap", {{0, 400, true}, {392, 308}}, {}, {DropReason::NOT_SPECIFIED}},
        Case{"overlap in front",
             {{200, 200, true}, {0, 208, true}, {400, 300}},
             {},
             {DropReason::NOT_SPECIFIED}},
        Case{"last twice",
             {{400, 300}, {400, 300}, {0, 400, true}},
             {{0, 400, true}, {400, 300}},
             {DropReason::DUP_FRAG}},
        Case{"two ends", {{400, 300}, {400, 200}, {0, 400, true}}, {}, {DropReason::NOT_SPECIFIED}},
        Case{"beyond the end",
             {{400, 300}, {704, 8, true}, {0, 400, true}},
             {},
             {DropReason::NOT_SPECIFIED}},
        Case{"end before",
             {{0, 400, true}, {400, 304, true}, {600, 100}},
             {},
             {DropReason::NOT_SPECIFIED}},
        Case{"odd length", {{0, 403, true}, {400, 300}}, {{0, 400, true}, {400, 300}}, {}},
        Case{"too short", {{0, 4, true}, {400, 300}}, {}, {DropReason::NOT_SPECIFIED}},
        Case{"empty end", {{0, 400, true}, {400, 0}}, {}, {DropReason::NOT_SPECIFIED}},
        Case{"ECN",
             {{0, 400, true, false, 1}, {400, 300, false, false, 2}},
             {{0, 400, true, false, 1}, {400, 300, false, false, 1}},
             {}},
        Case{"congested",
             {{0, 400, true, false, 1}, {400, 300, false, false, 3}},
             {{0, 400, true, false, 3}, {400, 300, false, false, 3}},
             {}},
        Case{"options",
             {{0, 400, true, false, 0, copied_and_not}, {400, 300}},
             {{0, 400, true, false, 0, copied_and_not}, {400, 300, false, false, 0, only_copied}},
             {}},
        Case{"options of a later one",
             {{0, 400, true}, {400, 300, false, false, 0, only_copied}},
             {{0, 400, true}, {400, 300}},
             {}}),
    [](const auto& info) {
      std::string name = info.param.name;
      for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      return name;
    });

TEST(Defragment, ImpossibleEcnThrowsThePacketAway) {
  Router router;
  router.take_all({{0, 400, true, false, 0}, {400, 300, false, false, 1}});
  EXPECT_FALSE(router.has_whole());
}

TEST(Defragment, WaitsAndForgets) {
  Router router;
  EXPECT_EQ(router.take({0, 400, true}).fate, Fate::held);
  router.now_ms += 30'000;
  EXPECT_EQ(router.take({400, 300}).fate, Fate::held) << "30 s later the first is gone";
  EXPECT_FALSE(router.has_whole());
}

TEST(Defragment, NothingWaitsWhereNothingMay) {
  Fragments fragments;
  NoTrace trace;
  Packet packet = fragment_of({0, 400, true});
  const Stop stop =
      defragment(packet, Hook::prerouting, no_device, {.high_thresh_bytes = 0}, fragments, 0, trace);
  EXPECT_EQ(stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_EQ(stop.cause.sysctl(), Sysctl::ipfrag_high_thresh);
  EXPECT_TRUE(fragments.queues.empty());
}

TEST(Defragment, UsersAndVrfsDoNotMix) {
  Fragments fragments;
  NoTrace trace;
  Packet first = fragment_of({0, 400, true}), last = fragment_of({400, 300});
  EXPECT_TRUE(defragment(first, Hook::prerouting, no_device, {}, fragments, 0, trace));
  Packet again = last;
  EXPECT_EQ(defragment(again, Hook::input, no_device, {}, fragments, 0, trace).fate, Fate::held);
  again = last;
  EXPECT_EQ(defragment(again, Hook::prerouting, 5, {}, fragments, 0, trace).fate, Fate::held);
  EXPECT_FALSE(defragment(last, Hook::prerouting, no_device, {}, fragments, 0, trace));
  EXPECT_EQ(last.network().size(), 720U);
  EXPECT_EQ(last.fragment_max_bytes, 420U);
}

TEST(Defragment, TooLongToBeAPacket) {
  Router router;
  EXPECT_EQ(router.take({0, 8, true}).fate, Fate::held);
  for (std::size_t at = 8; at < 65528; at += 1456)
    static_cast<void>(router.take({at, 1456, true}));
  EXPECT_EQ(router.take({65520 - 65520 % 8, 15, false}).fate, Fate::dropped);
  EXPECT_FALSE(router.has_whole());
}

/// Cut `part`'s packet to an MTU of 600, without reassembly.
std::vector<Part> cut(const Part& part) {
  std::vector<Part> parts;
  for (const Packet& piece : fragment(fragment_of(part), 600)) parts.push_back(part_of(piece));
  return parts;
}

TEST(Fragment, SinglePackets) {
  using testing::ElementsAre;
  EXPECT_THAT(cut({0, 581}), ElementsAre(Part{0, 576, true}, Part{576, 5}));
  EXPECT_THAT(cut({0, 1180}),
              ElementsAre(Part{0, 576, true}, Part{576, 576, true}, Part{1152, 28}));
  EXPECT_THAT(cut({0, 1180, true}),
              ElementsAre(Part{0, 576, true}, Part{576, 576, true}, Part{1152, 28, true}));
  EXPECT_THAT(cut({40, 1180}),
              ElementsAre(Part{40, 576, true}, Part{616, 576, true}, Part{1192, 28}));
}

TEST(Fragment, OptionsWithoutCopyBitAreInTheFirstOnly) {
  using testing::ElementsAre;
  EXPECT_THAT(cut({0, 600, false, false, 0, copied_and_not}),
              ElementsAre(Part{0, 568, true, false, 0, copied_and_not},
                          Part{568, 32, false, false, 0, only_copied}));
  EXPECT_THAT(cut({40, 600, false, false, 0, copied_and_not}),
              ElementsAre(Part{40, 568, true, false, 0, copied_and_not},
                          Part{608, 32, false, false, 0, copied_and_not}))
      << "a later fragment's are taken as they are";
}

}  // namespace
}  // namespace wayout::ip
