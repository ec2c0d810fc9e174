// NFQUEUE, TEE, TPROXY, ECN, HMARK, SYNPROXY: bytes, marks and ends as Linux 6.18 had them, in a
// router between 10.0.1.0/24 and 10.0.2.0/24 and with each of the two backends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netfilter/target.hpp"
#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::string rules(const char* table, const char* chain, const std::string& lines) {
  return std::string("*") + table + "\n:" + chain + " ACCEPT [0:0]\n" + lines + "COMMIT\n";
}

std::string bytes_of(const Packet& packet) { return to_hex(packet.network()); }

// ---------------------------------------------------------------- NFQUEUE

struct Queued {
  Stop stop;
  std::uint64_t behind = 0;  ///< packets that the next rule of the table counted
  std::size_t assumed = 0;
};

Queued queued(const char* target, std::optional<std::vector<std::uint16_t>> read, Backend backend) {
  TestBench bench(rules("mangle", "FORWARD", std::string("-A FORWARD -j ") + target +
                                                 "\n-A FORWARD -j DROP\n"), backend);
  bench.netfilter.queues_read = std::move(read);
  Packet packet = TestBench::forwarded_udp();
  const Stop stop = bench.run(Hook::forward, packet);
  return {stop, bench.counted(TableKind::mangle, "FORWARD", 2), bench.assumed.size()};
}

TEST(Queue, WhatNobodyReadsIsDroppedOrWithBypassAccepted) {
  for (const Backend backend : {Backend::legacy, Backend::nft}) {
    for (const char* target : {"NFQUEUE --queue-num 0", "NFQUEUE --queue-balance 0:3"}) {
      const Queued lost = queued(target, std::vector<std::uint16_t>{7}, backend);
      EXPECT_EQ(lost.stop.fate, Fate::dropped);
      EXPECT_EQ(lost.stop.stage, Stage::nf_queue);
      EXPECT_EQ(lost.stop.reason, DropReason::NOT_SPECIFIED);
      EXPECT_EQ(lost.assumed, 0U);
    }
    const Queued passed =
        queued("NFQUEUE --queue-num 0 --queue-bypass", std::vector<std::uint16_t>{}, backend);
    EXPECT_FALSE(passed.stop);
    EXPECT_EQ(passed.behind, 0U) << "accepted, not passed on";
    EXPECT_EQ(passed.assumed, 0U);
  }
}

TEST(Queue, AProgramDecidesWhereOneReadsOrMay) {
  for (const auto& read : {std::optional(std::vector<std::uint16_t>{7, 2}),
                           std::optional<std::vector<std::uint16_t>>()}) {
    const Queued unsure = queued("NFQUEUE --queue-balance 0:3", read, Backend::legacy);
    EXPECT_FALSE(unsure.stop);
    EXPECT_EQ(unsure.assumed, 1U);
  }
  EXPECT_TRUE(may_be_assumed(KeptTarget{.name = "QUEUE", .tokens = {}, .does = QueueChange{}}));
  EXPECT_FALSE(may_be_assumed(KeptTarget{.name = "TTL", .tokens = {}, .does = TtlChange{}}));
  EXPECT_TRUE(may_be_assumed(KeptTarget{.name = "TARPIT", .tokens = {}}));
}

// ---------------------------------------------------------------- TEE

constexpr const char* datagram = "4510001f004d00004011636e0a0001020a00020203e80035000b2055616263";

Packet datagram_behind_forwarding() {
  auto bytes = from_hex(datagram);
  bytes[8] = 63;
  bytes[10] = 0x64;
  return TestBench::forwarded(bytes);
}

TEST(Tee, TheCopyIsOnItsWayToTheGatewayUntracked) {
  for (const Backend backend : {Backend::legacy, Backend::nft}) {
    TestBench bench(rules("mangle", "FORWARD", "-A FORWARD -j TEE --gateway 10.0.3.9\n"), backend);
    Packet packet = datagram_behind_forwarding();
    const std::string before = bytes_of(packet);
    EXPECT_FALSE(bench.run(Hook::forward, packet));
    EXPECT_EQ(bytes_of(packet), before);
    ASSERT_THAT(bench.copies, SizeIs(1));
    const Packet& copy = bench.copies[0];
    EXPECT_EQ(bytes_of(copy), "4510001f004d40003f11246e0a0001020a00020203e80035000b2055616263");
    EXPECT_EQ(copy.ctinfo, CtInfo::untracked);
    EXPECT_EQ(copy.routing.egress, TestBench::br0);
    EXPECT_EQ(copy.routing.gateway, wire::IpAddress::v4(10, 0, 3, 9));
    EXPECT_TRUE(copy.local);
  }
}

TEST(Tee, BeforeRoutingTheCopyLosesAHop) {
  TestBench bench(rules("mangle", "PREROUTING", "-A PREROUTING -j TEE --gateway 10.0.3.9\n"));
  Packet packet =
      TestBench::forwarded(from_hex("4500001f004d00004011637e0a0001020a00020203e80035000b2055616263"));
  EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  ASSERT_THAT(bench.copies, SizeIs(1));
  EXPECT_EQ(bytes_of(bench.copies[0]),
            "4500001f004d40003f11247e0a0001020a00020203e80035000b2055616263");
}

// Of a packet of root's socket, as of one that passes by.
TEST(Tee, TheCopyHasNoSocketAndNoUser) {
  for (const bool local : {true, false}) {
    TestBench bench(rules("mangle", "POSTROUTING",
                          "-A POSTROUTING -j TEE --gateway 10.0.3.9\n"
                          "-A POSTROUTING -m owner --uid-owner 0\n"
                          "-A POSTROUTING -m owner ! --uid-owner 5\n"
                          "-A POSTROUTING -m owner --socket-exists\n"));
    Packet packet = TestBench::forwarded_udp();
    packet.local = local;
    packet.sender.uid = 0;
    EXPECT_FALSE(bench.run(Hook::postrouting, packet));
    ASSERT_THAT(bench.copies, SizeIs(1));
    const auto counted = [&] {
      return std::vector{bench.counted(TableKind::mangle, "POSTROUTING", 2),
                         bench.counted(TableKind::mangle, "POSTROUTING", 3),
                         bench.counted(TableKind::mangle, "POSTROUTING", 4)};
    };
    const auto before = counted();
    EXPECT_EQ(before, (local ? std::vector<std::uint64_t>{1, 1, 1} : std::vector<std::uint64_t>{0, 1, 0}));
    Packet copy = bench.copies[0];
    bench.copying = true;
    EXPECT_FALSE(bench.run(Hook::postrouting, copy));
    EXPECT_EQ(counted(), (std::vector{before[0], before[1] + 1, before[2]}));
  }
}

TEST(Tee, WithoutARouteTheCopyHasNoneAndACopyIsNotCopied) {
  TestBench bench(rules("mangle", "FORWARD", "-A FORWARD -j TEE --gateway 10.99.0.1\n"));
  bench.fib.tables[bench.fib.table_position(route::table_main)].routes.pop_back();
  std::vector<std::string> names;
  for (const link::Device& device : bench.devices.list) names.push_back(device.name);
  bench.fib.index(bench.interfaces, names);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  ASSERT_THAT(bench.copies, SizeIs(1));
  EXPECT_FALSE(bench.copies[0].routing.decided);

  bench.copies.clear();
  bench.copying = true;
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  EXPECT_THAT(bench.copies, IsEmpty());
  EXPECT_EQ(bench.counted(TableKind::mangle, "FORWARD", 1), 2U);
}

// ---------------------------------------------------------------- TPROXY

TEST(Tproxy, TheSocketThatIsFound) {
  using wire::IpAddress;
  constexpr std::uint8_t tcp = wire::protocol::tcp, udp = wire::protocol::udp;
  const IpAddress any = IpAddress::any(wire::Family::ipv4), loopback = IpAddress::v4(127, 0, 0, 1);
  const Listener there{.protocol = tcp, .address = any, .port = 3129, .transparent = true};
  Listener on_loopback = there, on_ingress = there, elsewhere = there, bound = there,
           bound_elsewhere = there, opaque = there, other_port = there, dual = there;
  on_loopback.address = loopback;
  on_ingress.address = IpAddress::v4(10, 0, 1, 1);
  elsewhere.address = IpAddress::v4(10, 0, 2, 1);
  bound.device = TestBench::in0;
  bound_elsewhere.device = TestBench::out0;
  opaque.transparent = false;
  other_port.port = 80;
  dual.dual_stack = true;
  const Listener datagrams{.protocol = udp, .address = any, .port = 3129, .transparent = true};
  const struct {
    const char* options;
    Listener listener;
    bool taken;
  } rows[] = {
      {"--on-port 3129", there, true},
      {"--on-port 3129", on_loopback, false},
      {"--on-port 3129", on_ingress, true},
      {"--on-port 3129", elsewhere, false},
      {"--on-port 3129", bound, true},
      {"--on-port 3129", bound_elsewhere, false},
      {"--on-port 3129", opaque, false},
      {"--on-port 3129", datagrams, false},
      {"--on-port 3129", dual, true},
      {"--on-port 3129 --on-ip 127.0.0.1", on_loopback, true},
      {"--on-port 3129 --on-ip 127.0.0.1", there, true},
      {"--on-port 0", other_port, true},
      {"--on-port 0", there, false},
  };
  for (const auto& row : rows) {
    TestBench bench(rules("mangle", "PREROUTING",
                          "-A PREROUTING -p tcp -j TPROXY --tproxy-mark 0x1/0x3 " +
                              std::string(row.options) + "\n-A PREROUTING -j DROP\n"));
    bench.listeners.emplace({row.listener});
    Packet packet = TestBench::forwarded_tcp(80);
    packet.mark = 0x12;
    const Stop stop = bench.run(Hook::prerouting, packet);
    EXPECT_EQ(!stop, row.taken) << row.options << " " << row.listener.address.text();
    EXPECT_EQ(packet.mark, row.taken ? 0x11U : 0x12U);
    EXPECT_EQ(packet.assigned_by == Cause{}, !row.taken);
    EXPECT_THAT(bench.assumed, IsEmpty());
    if (stop) {
      EXPECT_EQ(stop.stage, Stage::nf_hook_slow);
      EXPECT_EQ(stop.reason, DropReason::NETFILTER_DROP);
    }
  }
}

TEST(Tproxy, WhatIsNotKnownOfSocketsIsAssumed) {
  const std::string text = rules("mangle", "PREROUTING", "-A PREROUTING -p tcp -j TPROXY --on-port 3129\n");
  TestBench unknown(text);
  Packet packet = TestBench::forwarded_tcp(80);
  EXPECT_FALSE(unknown.run(Hook::prerouting, packet));
  EXPECT_THAT(unknown.assumed, SizeIs(1));

  TestBench perhaps(text);
  perhaps.listeners.emplace({Listener{.protocol = wire::protocol::tcp,
                                      .address = wire::IpAddress::any(wire::Family::ipv4),
                                      .port = 3129}});
  EXPECT_FALSE(perhaps.run(Hook::prerouting, packet));
  EXPECT_THAT(perhaps.assumed, SizeIs(1));
  EXPECT_TRUE(perhaps.netfilter.compiled.reassembles);

  TestBench cut_off(text);
  cut_off.listeners.emplace();
  Packet stump = TestBench::forwarded(from_hex("4500001800010000400663dc0a0001020a00020203e80050"));
  EXPECT_TRUE(cut_off.run(Hook::prerouting, stump));
}

// ---------------------------------------------------------------- ECN

std::string after_ecn(const char* options, const std::string& bytes) {
  TestBench bench(rules("mangle", "FORWARD", std::string("-A FORWARD -p tcp -j ECN ") + options + "\n"));
  Packet packet = TestBench::forwarded(from_hex(bytes));
  return bench.run(Hook::forward, packet) ? "dropped" : bytes_of(packet);
}

TEST(Ecn, WritesItsBits) {
  constexpr const char* remove = "--ecn-tcp-remove";
  EXPECT_EQ(after_ecn(remove, "45000028000100003f0664cc0a0001020a00020203e80050000003e80000000050c2faf0950e0000"),
            "45000028000100003f0664cc0a0001020a00020203e80050000003e8000000005002faf095ce0000");
  EXPECT_EQ(after_ecn(remove, "45000028000100003f0664cc0a0001020a00020203e80050000003e8000000005110faf094c00000"),
            "45000028000100003f0664cc0a0001020a00020203e80050000003e8000000005110faf094c00000");
  EXPECT_EQ(after_ecn(remove, "45000024000100003f0664d00a0001020a00020203e80050000000010000000050c20000"), "dropped");
  EXPECT_EQ(after_ecn("--ecn-ip-ect 3", "45000018000100003f0664dc0a0001020a00020203e80050"),
            "45030018000100003f0664d90a0001020a00020203e80050");
  EXPECT_EQ(after_ecn("--ecn-tcp-ece 1 --ecn-tcp-cwr 0 --ecn-ip-ect 3",
                      "45000028000100003f0664cc0a0001020a00020203e80050000003e80000000050c2faf0950e0000"),
            "45030028000100003f0664c90a0001020a00020203e80050000003e8000000005042faf0958e0000");
}

// The kernel takes the payload of a later fragment for a header, too.
TEST(Ecn, WritesIntoLaterFragments) {
  EXPECT_EQ(after_ecn("--ecn-tcp-remove",
                      "45000034000900033f0664b50a0001020a000202"
                      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
            "45000034000900033f0664b50a0001020a000202"
            "ffffffffffffffffffffffffff3fffff00c0ffffffffffffffffffffffffffff");
}

// ---------------------------------------------------------------- HMARK

std::uint32_t hmark(const char* options, const char* bytes, bool tracked = false) {
  TestBench bench(rules("mangle", "FORWARD",
                        std::string(tracked ? "-A FORWARD -m state --state NEW\n" : "") +
                            "-A FORWARD -j HMARK " + options + "\n"));
  Packet packet = TestBench::forwarded(from_hex(bytes));
  if (tracked) {
    EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  }
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  return packet.mark;
}

TEST(Hmark, MarksAsRecorded) {
  constexpr const char* udp = "4500001f00010000401163ca0a0001020a00020203e80035000b2055616263";
  constexpr const char* udp_back = "4500001f00010000401163ca0a0002020a000102003503e8000b2055616263";
  constexpr const char* tcp = "4500002800010000400663cc0a0001020a00020203e80050000003e8000000005002faf095ce0000";
  constexpr const char* echo = "4500001c00010000400163dd0a0001020a0002020800f7ff00000000";
  constexpr const char* gre = "4500001c00010000402f63af0a0001020a0002020000080061626364";
  constexpr const char* esp = "4500001c00010000403263ac0a0001020a0002020000080161626364";
  constexpr const char* addresses = "--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-rnd 0x00000010 --hmark-mod 65536";
  for (const char* packet : {udp, udp_back, tcp, echo, gre, esp}) EXPECT_EQ(hmark(addresses, packet), 60934U);
  constexpr const char* ports =
      "--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff "
      "--hmark-rnd 0x00000010 --hmark-mod 65536 --hmark-offset 100";
  const std::uint32_t marks[] = {hmark(ports, udp), hmark(ports, udp_back), hmark(ports, tcp),
                                 hmark(ports, echo), hmark(ports, gre), hmark(ports, esp)};
  EXPECT_THAT(marks, ElementsAre(19938, 19938, 8819, 61034, 61034, 33927));
  constexpr const char* connection =
      "--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xff00 --hmark-rnd 0x00000005 "
      "--hmark-mod 65536 --hmark-tuple ct";
  const std::uint32_t of_connections[] = {hmark(connection, udp, true), hmark(connection, udp_back, true),
                                          hmark(connection, tcp, true), hmark(connection, echo, true)};
  EXPECT_THAT(of_connections, ElementsAre(49735, 45915, 49735, 45915));
}

// ---------------------------------------------------------------- SYNPROXY

/// What the client is answered, without what only the kernel knows: cookie, time and the sum over them.
std::string syn_ack(const std::string& syn, const char* options) {
  TestBench bench(rules("filter", "FORWARD", std::string("-A FORWARD -p tcp -j SYNPROXY ") + options + "\n"));
  Packet packet = TestBench::forwarded(from_hex(syn));
  const Stop stop = bench.run(Hook::forward, packet);
  if (stop.fate != Fate::delivered || bench.made.size() != 1) return "none";
  std::string text = to_hex(bench.made[0].network());
  text.replace(48, 8, "--------");
  text.replace(72, 4, "----");
  return text;
}

TEST(Synproxy, AnswersInTheServersName) {
  constexpr const char* all = "--sack-perm --timestamp --wscale 7 --mss 1460";
  EXPECT_EQ(syn_ack("4500003c00010000400663b80a0001020a00020203e80050000003e800000000a002faf02de30000"
                    "020405b40402080a000000090000000001030307", all),
            "4500003c00004000400623b90a0002020a000102005003e8--------000003e9a0120000----0000"
            "020405b40402080a000000170000000901030307");
  EXPECT_EQ(syn_ack("4500002c00010000400663c80a0001020a00020203e80050000003e8000000006002faf07e120000020405b4", all),
            "4500002c00004000400623c90a0002020a000102005003e8--------000003e960120000----0000020405b4");
  EXPECT_EQ(syn_ack("4500002800010000400663cc0a0001020a00020203e80050000003e8000000005002faf095ce0000", all),
            "4500002800004000400623cd0a0002020a000102005003e8--------000003e950120000----0000");
}

TEST(Synproxy, WhatBecomesOfSegments) {
  const auto end_of = [](std::uint8_t flags) {
    TestBench bench(rules("filter", "FORWARD", "-A FORWARD -p tcp -j SYNPROXY\n"));
    Packet packet = TestBench::forwarded_tcp(80, flags);
    return bench.run(Hook::forward, packet);
  };
  using H = wire::TcpHeader;
  EXPECT_EQ(end_of(H::syn).stage, Stage::synproxy_tg4);
  EXPECT_EQ(end_of(H::syn).fate, Fate::delivered);
  EXPECT_EQ(end_of(H::ack).fate, Fate::undecided);
  EXPECT_FALSE(end_of(H::rst));
  EXPECT_FALSE(end_of(H::syn | H::ack));

  TestBench bench(rules("filter", "FORWARD", "-A FORWARD -p tcp -j SYNPROXY\n"));
  Packet wrong = TestBench::forwarded_tcp(80);
  wrong.network().back() ^= 1;
  EXPECT_EQ(bench.run(Hook::forward, wrong).reason, DropReason::NETFILTER_DROP);
}

}  // namespace
}  // namespace wayout::netfilter
