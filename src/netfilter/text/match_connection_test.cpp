#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(ConnectionMatches, AsIptablesPrintsThem) {
  expect_rows(
      "filter", "FORWARD",
      {
          {"-m state --state NEW,ESTABLISHED", unchanged},
          {"-m state --state RELATED,INVALID,NEW,ESTABLISHED,UNTRACKED",
           "-m state --state INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED"},
          {"-m state --state new", "-m state --state NEW"},
          {"-m state ! --state NEW", unchanged},
          {"-m state --state SNAT", refused},
          {"-m state", refused},
          {R"(-m state --state "")", refused},
          {"-m conntrack --ctstate NEW,SNAT,DNAT,INVALID,UNTRACKED,RELATED",
           "-m conntrack --ctstate INVALID,NEW,RELATED,UNTRACKED,SNAT,DNAT"},
          {"-m conntrack", refused},
          {"-m conntrack ! --ctstate INVALID --ctproto tcp",
           "-m conntrack ! --ctstate INVALID --ctproto 6"},
          {"-m conntrack --ctproto 17 ! --ctorigsrc 1.2.3.4 --ctorigdst 10.0.0.0/8 --ctreplsrc "
           "3.3.3.3/255.255.0.0 ! --ctrepldst 4.4.4.4",
           "-m conntrack --ctproto 17 ! --ctorigsrc 1.2.3.4 --ctorigdst 10.0.0.0/8 --ctreplsrc "
           "3.3.3.3/16 ! --ctrepldst 4.4.4.4"},
          {"-m conntrack --ctorigsrcport 1 --ctorigdstport 80:90 --ctreplsrcport 5 ! "
           "--ctrepldstport 6 --ctproto tcp",
           "-m conntrack --ctproto 6 --ctorigsrcport 1 --ctorigdstport 80:90 --ctreplsrcport 5 ! "
           "--ctrepldstport 6"},
          {"-m conntrack --ctstatus NONE", unchanged},
          {"-m conntrack --ctstatus EXPECTED,SEEN_REPLY,ASSURED,CONFIRMED", unchanged},
          {"-m conntrack ! --ctstatus ASSURED", unchanged},
          {"-m conntrack --ctexpire 10", unchanged},
          {"-m conntrack ! --ctexpire 10:20", unchanged},
          {"-m conntrack --ctdir ORIGINAL", unchanged},
          {"-m conntrack --ctdir reply", "-m conntrack --ctdir REPLY"},
          {"-m conntrack --ctdir REPLY --ctstate NEW", "-m conntrack --ctstate NEW --ctdir REPLY"},
          {"-m conntrack --ctstate NEW --ctstate INVALID", refused},
          {"-m conntrack --ctorigsrc 0.0.0.0/0", unchanged},
          {"-m conntrack --ctorigsrc 1.1.1.1,2.2.2.2", refused},
          {"-m conntrack --ctproto 0", unchanged},
          {"-m conntrack --ctproto gre", "-m conntrack --ctproto 47"},
          {"-m conntrack --ctstat NEW", refused},
          {"-m conntrack --ctorigdstport http", "-m conntrack --ctorigdstport 80"},
          {"-m conntrack --ctexpire 5:", "-m conntrack --ctexpire 5:4294967295"},
          {"-m mark --mark 1", "-m mark --mark 0x1"},
          {"-m mark --mark 0x10/0xff", unchanged},
          {"-m mark ! --mark 8/8", "-m mark ! --mark 0x8/0x8"},
          {"-m mark --mark 010", "-m mark --mark 0x8"},
          {"-m mark --mark 1/0", "-m mark --mark 0x1/0x0"},
          {"-m mark --mark 0xff/0x0f", "-m mark --mark 0xff/0xf"},
          {"-m mark --mark -1", refused},
          {"-m mark --mark 0x1ffffffff", refused},
          {"-m mark --mark x", refused},
          {"-m mark", refused},
          {"-m connmark --mark 1", "-m connmark --mark 0x1"},
          {"-m connmark ! --mark 0x10/0xff", unchanged},
          {"-m connmark --mark 0xff/0x0f", "-m connmark --mark 0xff/0xf"},
          {"-p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp "
           "--wscale 7 --mss 1460 --ecn",
           unchanged},
          {"-p tcp -m state --state NEW --dport 22 -j ACCEPT",
           "-p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT"},
          {"-m mark --mark 1 -m connmark --mark 2", "-m mark --mark 0x1 -m connmark --mark 0x2"},
          {"-m mark -m connmark --mark 2", refused},
          {"-m connmark --mark 2 --mark 3", refused},
          {"-m mark --mark 1 --mark 2", refused},
          {"-m mark --mark 1 -m mark --mark 2", "-m mark --mark 0x1 -m mark --mark 0x2"},
          {"-m mark -m mark --mark 2", refused},
          {"-m conntrack --ctorigdstport 5:3", unchanged},
          {"-m conntrack --ctstate NEW,,INVALID", refused},
          {"-m conntrack --ctstate NEW,", refused},
          {"-m conntrack --ctdir x", refused},
          {"-m conntrack --ctproto foo", refused},
          {"-m conntrack ! --ctproto 6 --ctorigsrcport 80", unchanged},
          {R"(-m conntrack --ctstatus "")", refused},
          {"-m conntrack --ctstatus NONE,ASSURED", "-m conntrack --ctstatus ASSURED"},
          {"-m conntrack ! --ctdir ORIGINAL", refused},
          {"-m conntrack --ctexpire :10", "-m conntrack --ctexpire 0:10"},
          {"-m conntrack --ctexpire 20:10", unchanged},
          {"-m state --state INVALID -m conntrack --ctstate NEW", unchanged},
      });
}

}  // namespace
}  // namespace wayout::netfilter::text
