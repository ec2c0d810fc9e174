#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(PlaceMatches, AsIptablesPrintsThem) {
  expect_rows(
      "filter", "FORWARD",
      {
          {"-m addrtype --dst-type LOCAL", unchanged},
          {"-m addrtype --src-type LOCAL,UNICAST ! --dst-type BROADCAST",
           "-m addrtype --src-type UNICAST,LOCAL ! --dst-type BROADCAST"},
          {"-m addrtype --dst-type LOCAL --limit-iface-in", unchanged},
          {"-m addrtype --limit-iface-out --dst-type "
           "UNSPEC,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE",
           "-m addrtype --dst-type "
           "UNSPEC,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE "
           "--limit-iface-out"},
          {"-m addrtype ! --src-type LOCAL,UNICAST", "-m addrtype ! --src-type UNICAST,LOCAL"},
          {"-m addrtype --dst-type local", "-m addrtype --dst-type LOCAL"},
          {"-m addrtype", refused},
          {"-m addrtype --limit-iface-in --limit-iface-out --dst-type LOCAL", refused},
          {"-m set --match-set foo src", unchanged},
          {"-m set ! --match-set foo dst", unchanged},
          {"-m set --match-set foo2 src,dst", unchanged},
          {"-m set --match-set foo2 src,dst,dst", unchanged},
          {"-m set --match-set foo2 src,src,src,src,src,src", unchanged},
          {"-m set --match-set foo2 src,dst,dst,src,dst,src,dst", refused},
          {"-m set --set foo src", "-m set --match-set foo src"},
          {"-m set --match-set foo src --return-nomatch", unchanged},
          {"-m set --match-set foo src ! --update-counters ! --update-subcounters", unchanged},
          {"-m set --match-set foo src --packets-eq 5", unchanged},
          {"-m set --match-set foo src ! --packets-eq 5 --bytes-gt 7", unchanged},
          {"-m set --match-set foo src --packets-lt 5 --bytes-lt 7", unchanged},
          {"-m set --match-set foo SRC", refused},
          {"-m set --match-set foo", refused},
          {"-m set --match-set 01234567890123456789012345678901 src", refused},
          {"-m iprange --src-range 1.1.1.1-1.1.1.5", unchanged},
          {"-m iprange ! --dst-range 1.1.1.1-1.1.1.5 --src-range 2.2.2.2",
           "-m iprange --src-range 2.2.2.2-2.2.2.2 ! --dst-range 1.1.1.1-1.1.1.5"},
          {"-m iprange --src-range 1.1.1.5-1.1.1.1", unchanged},
          {"-m iprange --src-range 1.1.1.5-", refused},
          {"-m iprange", refused},
          {"-m mac --mac-source 00:11:22:aa:BB:cc", "-m mac --mac-source 00:11:22:aa:bb:cc"},
          {"-m mac ! --mac-source 0:1:2:3:4:5", "-m mac ! --mac-source 00:01:02:03:04:05"},
          {"-m mac --mac-source 00-11-22-33-44-55", refused},
          {"-m mac", refused},
          {"-m physdev --physdev-in eth0", unchanged},
          {"-m physdev --physdev-in eth+ ! --physdev-out br+", unchanged},
          {"-m physdev --physdev-is-bridged", unchanged},
          {"-m physdev ! --physdev-is-bridged --physdev-is-in --physdev-is-out",
           "-m physdev --physdev-is-in --physdev-is-out ! --physdev-is-bridged"},
          {"-m physdev", refused},
          {"-m physdev --physdev-in +", unchanged},
          {"-m physdev ! --physdev-is-in", unchanged},
          {"-m set --match-set foo src --match-set foo2 src", refused},
          {"-m addrtype --dst-type LOCAL,FOO", refused},
          {R"(-m addrtype --dst-type "")", refused},
      });
  expect_rows("filter", "OUTPUT",
              {
                  {"-m mac --mac-source 00:11:22:aa:BB:cc", refused},
              });
  expect_rows("filter", "INPUT",
              {
                  {"-m physdev --physdev-in eth0", unchanged},
                  {"-m physdev --physdev-out eth0", unchanged},
              });
}

}  // namespace
}  // namespace wayout::netfilter::text
