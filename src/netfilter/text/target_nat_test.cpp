#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(NatTargets, AsIptablesPrintsThem) {
  expect_rows("nat", "PREROUTING",
              {
                  {"-j DNAT --to-destination 1.2.3.4", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.9:80-90", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.9:80-90/85", unchanged},
                  {"-p tcp -j DNAT --to-destination :80", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:http",
                   "-p tcp -j DNAT --to-destination 1.2.3.4:80"},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:90-80", refused},
                  {"-j DNAT --to-destination 1.2.3.4:80", refused},
                  {"-j DNAT --to-destination 1.2.3.4 --random --persistent", unchanged},
                  {"-j DNAT --to-destination 1.2.3.4 --to-destination 1.2.3.5", refused},
                  {"-j DNAT --to 1.2.3.4", "-j DNAT --to-destination 1.2.3.4"},
                  {"-j DNAT", refused},
                  {"-j DNAT --to-destination foo", refused},
                  {"-j DNAT --to-destination 1.2.3.4-1.2.3.4", "-j DNAT --to-destination 1.2.3.4"},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80-80",
                   "-p tcp -j DNAT --to-destination 1.2.3.4:80"},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:0", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:70000", refused},
                  {"-j DNAT --to-destination 1.2.3.9-1.2.3.4", unchanged},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80-90/http",
                   "-p tcp -j DNAT --to-destination 1.2.3.4:80-90/80"},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:", refused},
                  {"-p icmp -j DNAT --to-destination 1.2.3.4:5", unchanged},
                  {"-j MASQUERADE", refused},
                  {"-j REDIRECT", unchanged},
                  {"-p tcp -j REDIRECT --to-ports 8080", unchanged},
                  {"-p tcp -j REDIRECT --to-port 8080", "-p tcp -j REDIRECT --to-ports 8080"},
                  {"-p tcp -j REDIRECT --to-ports 8080-8090 --random", unchanged},
                  {"-p tcp -j REDIRECT --to-ports http", "-p tcp -j REDIRECT --to-ports 80"},
                  {"-p tcp -j REDIRECT --to-ports 0", unchanged},
                  {"-p tcp -j REDIRECT --to-ports 90-80", refused},
                  {"-p tcp -j REDIRECT --random", unchanged},
                  {"-p tcp -j REDIRECT --to-ports 80/5", refused},
                  {"-j REDIRECT --to-ports 80", refused},
                  {"-j NETMAP --to 10.0.0.0/24", unchanged},
                  {"-j NETMAP --to 10.0.0.5", "-j NETMAP --to 10.0.0.5/32"},
                  {"-j NETMAP --to 10.0.0.5/255.255.0.0", "-j NETMAP --to 10.0.0.0/16"},
                  {"-j NETMAP", refused},
                  {"-p udplite -j DNAT --to-destination 1.2.3.4:5", refused},
                  {"-j DNAT --to-destination 1.2.3", refused},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80-90/", refused},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80/5", refused},
                  {R"(-p tcp -j DNAT --to-destination "")", refused},
                  {"-p tcp -j DNAT --to-destination :", refused},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:80-90-95", refused},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.5-1.2.3.6", refused},
                  {"-p tcp -j DNAT --to-destination 1.2.3.4:0x50",
                   "-p tcp -j DNAT --to-destination 1.2.3.4:80"},
                  {"-p udp -j REDIRECT --to-ports 5-5", "-p udp -j REDIRECT --to-ports 5"},
              });
  expect_rows(
      "nat", "POSTROUTING",
      {
          {"-j DNAT --to-destination 1.2.3.4", refused},
          {"-j SNAT --to-source 1.2.3.4", unchanged},
          {"-p udp -j SNAT --to-source 1.2.3.4-1.2.3.8:1000-2000 --random-fully --persistent",
           unchanged},
          {"-p udp -j SNAT --to-source 1.2.3.4 --random --random-fully --persistent", unchanged},
          {"-p udp -j SNAT --to-source :1000-2000", unchanged},
          {"-j MASQUERADE", unchanged},
          {"-j MASQUERADE --random", unchanged},
          {"-j MASQUERADE --random-fully --random", "-j MASQUERADE --random --random-fully"},
          {"-p tcp -j MASQUERADE --to-ports 1024", unchanged},
          {"-p tcp -j MASQUERADE --to-ports 1024-2048 --random", unchanged},
          {"-j MASQUERADE --to-ports 1024-2048", refused},
          {"-p tcp -j MASQUERADE --to-ports 2048-1024", refused},
          {"-p tcp -j MASQUERADE --to-ports 0", unchanged},
          {"-p tcp -j MASQUERADE --to-ports http", "-p tcp -j MASQUERADE --to-ports 80"},
          {"! -p tcp -j MASQUERADE --to-ports 1024", unchanged},
          {"-j NETMAP --to 10.0.0.5/24", "-j NETMAP --to 10.0.0.0/24"},
          {"-p icmp -j MASQUERADE --to-ports 5", unchanged},
          {"-p gre -j MASQUERADE --to-ports 5", refused},
          {"-p tcp -j MASQUERADE --to-ports 5-", refused},
      });
  expect_rows("nat", "INPUT",
              {
                  {"-j SNAT --to-source 1.2.3.4", unchanged},
                  {"-j NETMAP --to 1.2.3.0/24", unchanged},
              });
  expect_rows("nat", "OUTPUT",
              {
                  {"-j REDIRECT", unchanged},
                  {"-j NETMAP --to 1.2.3.0/24", unchanged},
              });
}

}  // namespace
}  // namespace wayout::netfilter::text
