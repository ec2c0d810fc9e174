#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(Ipv6, AsIptablesPrintsThem) {
  expect_rows(
      "filter", "FORWARD", wire::Family::ipv6,
      {
          {"-s 2001:db8::1 -d 2001:DB8:0::/33", "-s 2001:db8::1/128 -d 2001:db8::/33"},
          {"! -s ::/0", unchanged},
          {"-s ::/0", ""},
          {"-s 2001:db8::ff/ffff:ffff::ff", unchanged},
          {"-s ::ffff:1.2.3.4", "-s ::ffff:1.2.3.4/128"},
          {"-s ::1.2.3.4", "-s ::1.2.3.4/128"},
          {"-s 1.2.3.4", refused},
          {"-p icmpv6", "-p ipv6-icmp"},
          {"-p ipv6-icmp -m icmp6 --icmpv6-type 128", unchanged},
          {"-p icmpv6 -m icmpv6 --icmpv6-type echo-request",
           "-p ipv6-icmp -m icmp6 --icmpv6-type 128"},
          {"-p icmpv6 -m ipv6-icmp --icmpv6-type 1/4", "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4"},
          {"-p 58 --icmpv6-type neighbour-solicitation", "-p ipv6-icmp -m icmp6 --icmpv6-type 135"},
          {"-p icmpv6 --icmpv6-type neighbor-advert", "-p ipv6-icmp -m icmp6 --icmpv6-type 136"},
          {"-p icmpv6 ! --icmpv6-type redirect", "-p ipv6-icmp -m icmp6 ! --icmpv6-type 137"},
          {"-p icmpv6 -m icmp6", refused},
          {"-p icmpv6 --icmpv6-type any", refused},
          {"-p icmpv6 --icmpv6-type 255", "-p ipv6-icmp -m icmp6 --icmpv6-type 255"},
          {"-p icmp", unchanged},
          {"-p icmp -m icmp --icmp-type 8", refused},
          {"-p tcp --dport 80", "-p tcp -m tcp --dport 80"},
          {"-f", refused},
          {"-j REJECT", "-j REJECT --reject-with icmp6-port-unreachable"},
          {"-j REJECT --reject-with icmp6-adm-prohibited", unchanged},
          {"-j REJECT --reject-with icmp6-no-route", unchanged},
          {"-j REJECT --reject-with no-route", "-j REJECT --reject-with icmp6-no-route"},
          {"-j REJECT --reject-with icmp6-addr-unreachable", unchanged},
          {"-j REJECT --reject-with addr-unreach",
           "-j REJECT --reject-with icmp6-addr-unreachable"},
          {"-j REJECT --reject-with icmp6-port-unreachable", unchanged},
          {"-p tcp -j REJECT --reject-with tcp-reset", unchanged},
          {"-j REJECT --reject-with icmp6-policy-fail", unchanged},
          {"-j REJECT --reject-with reject-route", "-j REJECT --reject-with icmp6-reject-route"},
          {"-j REJECT --reject-with icmp-port-unreachable", refused},
          {"-j REJECT --reject-with icmp6-not-neighbour", refused},
          {"-m hl --hl-eq 5", unchanged},
          {"-m hl ! --hl-eq 5", unchanged},
          {"-m hl --hl-lt 5", unchanged},
          {"-m hl --hl-gt 5", unchanged},
          {"-m dst --dst-len 5", unchanged},
          {"-m dst ! --dst-len 5 --dst-opts 1:2,3", unchanged},
          {"-m hbh --hbh-len 5", unchanged},
          {"-m hbh --hbh-opts 1,2:3", unchanged},
          {"-m eui64", unchanged},
          {"-m frag --fragid 5 --fragres --fragfirst", unchanged},
          {"-m frag ! --fragid 5:6 --fraglen 7 --fragmore", unchanged},
          {"-m frag --fraglast", unchanged},
          {"-m frag", unchanged},
          {"-m ipv6header --header hop,dst --soft",
           "-m ipv6header --header hop-by-hop,ipv6-opts --soft"},
          {"-m ipv6header ! --header ipv6-route", unchanged},
          {"-m ipv6header --header 43", "-m ipv6header --header ipv6-route"},
          {"-m rt --rt-type 0", unchanged},
          {"-m rt --rt-type 0 --rt-segsleft 0", unchanged},
          {"-m rt ! --rt-type 2 --rt-segsleft 1:5 --rt-len 8", unchanged},
          {"-m rt --rt-type 0 --rt-0-res --rt-0-addrs 2001:db8::1,2001:db8::2 --rt-0-not-strict",
           unchanged},
          {"-p mh --mh-type 1", "-p mobility-header -m mh --mh-type 1"},
          {"-p mh --mh-type bu:ba", "-p mobility-header -m mh --mh-type 5:6"},
          {"-p mh -m mh ! --mh-type binding-update", "-p mobility-header -m mh ! --mh-type 5"},
          {"-p ah -m ah --ahspi 5 ! --ahlen 7 --ahres", unchanged},
          {"-m ah --ahspi 5", unchanged},
          {"-m srh --srh-next-hdr 17", unchanged},
          {"-m srh ! --srh-hdr-len-eq 5 --srh-segs-left-gt 1 --srh-tag 5 --srh-psid 2001:db8::/32 "
           "! --srh-lsid ::1",
           "-m srh ! --srh-hdr-len-eq 5 --srh-segs-left-gt 1 --srh-tag 5 --srh-psid 2001:db8::/32 "
           "! --srh-lsid ::1/128"},
          {"-m iprange --src-range 2001:db8::1-2001:db8::5", unchanged},
          {"-m recent --set",
           "-m recent --set --name DEFAULT --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "--rsource"},
          {"-m recent --set --mask ffff::",
           "-m recent --set --name DEFAULT --mask ffff:: --rsource"},
          {"-m conntrack --ctorigsrc 2001:db8::/32", unchanged},
          {"-m connlimit --connlimit-above 2",
           "-m connlimit --connlimit-above 2 --connlimit-mask 128 --connlimit-saddr"},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-name b --hashlimit-mode srcip "
           "--hashlimit-srcmask 64",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name b --hashlimit-srcmask 64"},
          {"-m set --match-set foo src", unchanged},
          {"-m addrtype --dst-type LOCAL", unchanged},
          {"-m policy --dir in --pol ipsec --strict --tunnel-src 2001:db8::1 --tunnel-dst ::/0 "
           "--mode tunnel",
           "-m policy --dir in --pol ipsec --strict --mode tunnel --tunnel-dst ::/0 --tunnel-src "
           "2001:db8::1"},
          {"-m tos --tos 4", "-m tos --tos 0x04/0xff"},
          {"-m ttl --ttl-eq 5", refused},
      });
  expect_rows("nat", "PREROUTING", wire::Family::ipv6,
              {
                  {"-p tcp -j DNAT --to-destination [2001:db8::1]:80", unchanged},
                  {"-p tcp -j DNAT --to-destination 2001:db8::1", unchanged},
                  {"-p tcp -j DNAT --to-destination 2001:db8::1-2001:db8::5", unchanged},
                  {"-p tcp -j DNAT --to-destination [2001:db8::1-2001:db8::5]:80-90", unchanged},
                  {"-p tcp -j DNAT --to-destination [2001:db8::1]-[2001:db8::5]:80-90", refused},
                  {"-p tcp -j DNAT --to-destination :80", unchanged},
                  {"-p tcp -j DNAT --to-destination [2001:db8::1]",
                   "-p tcp -j DNAT --to-destination 2001:db8::1"},
                  {"-j NETMAP --to 2001:db8::/64", unchanged},
                  {"-p tcp -j REDIRECT --to-ports 80", unchanged},
              });
  expect_rows("nat", "POSTROUTING", wire::Family::ipv6,
              {
                  {"-p tcp -j SNAT --to-source [2001:db8::1]:1000-2000 --random", unchanged},
                  {"-j MASQUERADE", unchanged},
              });
  expect_rows("mangle", "POSTROUTING", wire::Family::ipv6,
              {
                  {"-j SNPT --src-pfx fd00::/64 --dst-pfx 2001:db8::/64", unchanged},
              });
  expect_rows("mangle", "FORWARD", wire::Family::ipv6,
              {
                  {"-j HL --hl-set 5", unchanged},
                  {"-j HL --hl-inc 5", unchanged},
                  {"-j TEE --gateway 2001:db8::1", unchanged},
                  {"-j TOS --set-tos 4", "-j TOS --set-tos 0x04/0xff"},
              });
  expect_rows("raw", "PREROUTING", wire::Family::ipv6,
              {
                  {"-m rpfilter --invert", unchanged},
              });
  expect_rows("mangle", "PREROUTING", wire::Family::ipv6,
              {
                  {"-p tcp -j TPROXY --on-port 50 --on-ip ::1",
                   "-p tcp -j TPROXY --on-port 50 --on-ip ::1 --tproxy-mark 0x0/0x0"},
              });
}

}  // namespace
}  // namespace wayout::netfilter::text
