#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(KeptTargets, AsIptablesPrintsThem) {
  expect_rows("filter", "FORWARD",
              {
                  {"-j AUDIT --type accept", unchanged},
                  {"-j NFLOG", unchanged},
                  {R"(-j NFLOG --nflog-group 5 --nflog-prefix "a b" --nflog-threshold 10)",
                   R"(-j NFLOG --nflog-prefix "a b" --nflog-group 5 --nflog-threshold 10)"},
                  {"-j NFLOG --nflog-group 5 --nflog-prefix ab --nflog-size 10",
                   "-j NFLOG --nflog-prefix ab --nflog-group 5 --nflog-size 10"},
                  {"-j NFLOG --nflog-group 0 --nflog-range 10", "-j NFLOG --nflog-range 10"},
                  {"-j NFLOG --nflog-threshold 1", unchanged},
                  {"-j NFLOG --nflog-prefix ab --nflog-group 70000", refused},
                  {"-j NFQUEUE", "-j NFQUEUE --queue-num 0"},
                  {"-j NFQUEUE --queue-num 5", unchanged},
                  {"-j NFQUEUE --queue-num 5 --queue-bypass", unchanged},
                  {"-j NFQUEUE --queue-balance 0:3 --queue-bypass --queue-cpu-fanout", unchanged},
                  {"-j NFQUEUE --queue-balance 0:3", unchanged},
                  {"-j SET --add-set foo src", unchanged},
                  {"-j SET --add-set foo src --exist --timeout 5", unchanged},
                  {"-j SET --del-set foo src", unchanged},
                  {"-j SET --add-set foo2 src,dst", unchanged},
                  {"-p tcp -j SYNPROXY --mss 1460 --wscale 7 --sack-perm --timestamp",
                   "-p tcp -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460"},
              });
  expect_rows("mangle", "FORWARD",
              {
                  {"-j CHECKSUM --checksum-fill", unchanged},
                  {"-j CLASSIFY --set-class 1:10", "-j CLASSIFY --set-class 0001:0010"},
                  {"-j CLASSIFY --set-class ffff:0", "-j CLASSIFY --set-class ffff:0000"},
                  {"-j CONNSECMARK --save", unchanged},
                  {"-j DSCP --set-dscp 10", "-j DSCP --set-dscp 0x0a"},
                  {"-j DSCP --set-dscp-class EF", "-j DSCP --set-dscp 0x2e"},
                  {"-p tcp -j ECN --ecn-tcp-remove", unchanged},
                  {"-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 0", "-p tcp -j ECN --ecn-tcp-remove"},
                  {"-p tcp -j ECN --ecn-ip-ect 1 --ecn-tcp-cwr 1 --ecn-tcp-ece 1",
                   "-p tcp -j ECN --ecn-tcp-ece 1 --ecn-tcp-cwr 1 --ecn-ip-ect 1"},
                  {"-p tcp -j ECN --ecn-tcp-remove --ecn-ip-ect 2",
                   "-p tcp -j ECN --ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 2"},
                  {"-j ECN --ecn-ip-ect 3", unchanged},
                  {"-j IDLETIMER --timeout 5 --label x", unchanged},
                  {"-j SET --map-set foo src --map-mark", unchanged},
                  {"-p tcp -j TCPOPTSTRIP --strip-options wscale,mss",
                   "-p tcp -j TCPOPTSTRIP --strip-options 2,3"},
                  {"-p tcp -j TCPOPTSTRIP --strip-options timestamp,5,4",
                   "-p tcp -j TCPOPTSTRIP --strip-options 4,5,8"},
                  {"-j TEE --gateway 1.2.3.4", unchanged},
                  {"-j TEE --gateway 1.2.3.4 --oif lo", unchanged},
                  {"-j TOS --set-tos 0x10", "-j TOS --set-tos 0x10/0xff"},
                  {"-j TOS --set-tos Minimize-Delay", "-j TOS --set-tos 0x10/0x3f"},
                  {"-j TOS --set-tos 0x10/0xf0", unchanged},
                  {"-j TOS --and-tos 0xf", "-j TOS --set-tos 0x00/0xf0"},
                  {"-j TOS --or-tos 4", "-j TOS --set-tos 0x04/0x04"},
                  {"-j TOS --xor-tos 4", "-j TOS --set-tos 0x04/0x00"},
                  {"-j TTL --ttl-set 5", unchanged},
                  {"-j TTL --ttl-dec 5", unchanged},
                  {"-j TTL --ttl-inc 5", unchanged},
              });
  expect_rows("security", "FORWARD",
              {
                  {"-j CONNSECMARK --restore", unchanged},
              });
  expect_rows(
      "mangle", "PREROUTING",
      {
          {"-p tcp -j TPROXY --on-port 50",
           "-p tcp -j TPROXY --on-port 50 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0"},
          {"-p tcp -j TPROXY --on-port 50 --on-ip 1.2.3.4 --tproxy-mark 0x1/0x1", unchanged},
          {"-p tcp -j TPROXY --on-port 50 --tproxy-mark 1",
           "-p tcp -j TPROXY --on-port 50 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xffffffff"},
      });
  expect_rows("raw", "PREROUTING",
              {
                  {"-j TRACE", unchanged},
              });
}

}  // namespace
}  // namespace wayout::netfilter::text
