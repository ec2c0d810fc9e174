#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

/// What mangle FORWARD makes of a SYN: its bytes from the TCP header on, or `dropped`.
std::string through(TestBench& bench, std::string_view ip) {
  Packet packet = TestBench::forwarded(from_hex(ip));
  if (bench.run(Hook::forward, packet)) return "dropped";
  const auto* header = wire::header_at<wire::Ipv4Header>(std::as_const(packet).network());
  EXPECT_EQ(header->total_length, packet.network().size());
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(packet.network().first(20))), 0);
  return to_hex(packet.network().subspan(20));
}

TestBench bench_with(const std::string& option) {
  return TestBench("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --tcp-flags SYN SYN "
                   "-j TCPMSS " + option + "\nCOMMIT\n");
}

/// 10.0.1.2.1000 > 8.8.8.8.80, and what the kernel's router sent on, from the TCP header on.
struct Row {
  const char* what;
  const char* option;
  const char* sent;
  const char* passed;
};

TEST(Tcpmss, BytesAsTheKernelSentThem) {
  const Row rows[] = {
      {"lower", "--set-mss 1000",
       "4500002c0001000040065fba0a0001020808080803e8005000000000000000006002200058dd0000020405b4",
       "03e800500000000000000000600220005aa90000020403e8"},
      {"never raised", "--set-mss 1500",
       "4500002c0001000040065fba0a0001020808080803e8005000000000000000006002200058dd0000020405b4",
       "03e8005000000000000000006002200058dd0000020405b4"},
      {"at an odd place, where the kernel gets the checksum wrong", "--set-mss 1000",
       "450000300001000040065fb60a0001020808080803e80050000000000000000070022000968700000102"
       "0405b4010101",
       "03e800500000000000000000700220009853000001020403e8010101"},
      {"behind another option", "--set-mss 1000",
       "450000300001000040065fb60a0001020808080803e800500000000000000000700220003ed500000303"
       "0701020405b4",
       "03e8005000000000000000007002200040a1000003030701020403e8"},
      {"missing", "--set-mss 1000",
       "450000280001000040065fbe0a0001020808080803e8005000000000000000005002200070990000",
       "03e800500000000000000000600220005c79000002040218"},
      {"missing, and put before the others", "--set-mss 500",
       "4500002c0001000040065fba0a0001020808080803e8005000000000000000006002200056910000"
       "03030701",
       "03e8005000000000000000007002200042950000020401f403030701"},
      {"missing, but data follows", "--set-mss 1000",
       "4500002c0001000040065fba0a0001020808080803e8005000000000000000005002200097d20000"
       "64617461",
       "03e8005000000000000000005002200097d2000064617461"},
      {"missing, and the header is full", "--set-mss 1000",
       "450000500001000040065f960a0001020808080803e800500000000000000000f0022000bc5c0000"
       "01010101010101010101010101010101010101010101010101010101010101010101010101010101",
       "03e800500000000000000000f0022000bc5c0000"
       "01010101010101010101010101010101010101010101010101010101010101010101010101010101"},
      {"header shorter than TCP's", "--set-mss 1000",
       "450000280001000040065fbe0a0001020808080803e8005000000000000000004002200080990000",
       "dropped"},
      {"header longer than the packet", "--set-mss 1000",
       "450000280001000040065fbe0a0001020808080803e8005000000000000000006002200060990000",
       "dropped"},
  };
  for (const Row& row : rows) {
    TestBench bench = bench_with(row.option);
    EXPECT_EQ(through(bench, row.sent), row.passed) << row.what;
  }
}

TEST(Tcpmss, ClampTakesTheNarrowestOfBothWays) {
  const char* sent =
      "4500002c0001000040065fba0a0001020808080803e8005000000000000000006002200058dd0000020405b4";
  TestBench out = bench_with("--clamp-mss-to-pmtu");
  out.devices[TestBench::out0].mtu_bytes = 1400;
  EXPECT_EQ(through(out, sent), "03e800500000000000000000600220005941000002040550");

  TestBench back = bench_with("--clamp-mss-to-pmtu");
  back.devices[TestBench::in0].mtu_bytes = 1300;
  EXPECT_EQ(through(back, sent), "03e8005000000000000000006002200059a50000020404ec");

  TestBench route = bench_with("--clamp-mss-to-pmtu");
  Packet packet = TestBench::forwarded(from_hex(sent));
  packet.routing.mtu_bytes = 1200;
  EXPECT_FALSE(route.run(Hook::forward, packet));
  EXPECT_EQ(to_hex(packet.network().subspan(20)),
            "03e800500000000000000000600220005a09000002040488");
}

TEST(Tcpmss, MtuOfTheHeadersAloneDrops) {
  TestBench bench = bench_with("--clamp-mss-to-pmtu");
  bench.devices[TestBench::out0].mtu_bytes = 40;
  Packet packet = TestBench::forwarded_tcp(80);
  const Stop stop = bench.run(Hook::forward, packet);
  EXPECT_EQ(stop.cause, Cause::rule(bench.ref(TableKind::mangle, "FORWARD", 1)));
}

}  // namespace
}  // namespace wayout::netfilter
