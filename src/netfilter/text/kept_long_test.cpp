#include "netfilter/text/test_rows.hpp"

namespace wayout::netfilter::text {
namespace {

TEST(LongKeptMatches, AsIptablesPrintsThem) {
  expect_rows(
      "filter", "FORWARD",
      {
          {"-m policy --dir in --pol ipsec", unchanged},
          {"-m policy --dir in --pol none", unchanged},
          {"-m policy --dir out --pol ipsec --strict --reqid 1 --spi 0x10 --proto esp --mode "
           "tunnel --tunnel-src 1.2.3.4 --tunnel-dst 5.0.0.0/8 --next ! --reqid 2",
           "-m policy --dir out --pol ipsec --strict --reqid 1 --spi 0x10 --proto esp --mode "
           "tunnel --tunnel-dst 5.0.0.0/8 --tunnel-src 1.2.3.4 --next ! --reqid 2"},
          {"-m policy --dir in --pol ipsec --proto esp", unchanged},
          {"-m policy --dir in --pol ipsec ! --mode transport", unchanged},
          {"-m statistic --mode random --probability 0.5",
           "-m statistic --mode random --probability 0.50000000000"},
          {"-m statistic --mode random ! --probability 0.33",
           "-m statistic --mode random ! --probability 0.33000000007"},
          {"-m statistic --mode nth --every 3", refused},
          {"-m statistic --mode nth --every 3 --packet 0", unchanged},
          {"-m statistic --mode nth ! --every 3 --packet 2", unchanged},
          {"-m statistic --mode random --probability 1",
           "-m statistic --mode random --probability 1.00000000000"},
          {"-m statistic --mode random --probability 0.00001",
           "-m statistic --mode random --probability 0.00001000008"},
          {"-m statistic --mode nth --every 3 --packet 3", refused},
          {R"(-m string --string "abc" --algo bm)", unchanged},
          {R"(-m string --string "a b\"c" --algo kmp --from 5 --to 100 --icase)", unchanged},
          {R"(-m string ! --hex-string "|0d 0a|abc" --algo bm)",
           R"(-m string ! --hex-string "|0d0a616263|" --algo bm)"},
          {R"(-m string --hex-string "abc" --algo bm)", R"(-m string --string "abc" --algo bm)"},
          {R"(-m string --string "" --algo bm)", refused},
          {R"(-m string --string "a|b" --algo bm)", unchanged},
          {"-m string --string a/b --algo kmp", R"(-m string --string "a/b" --algo kmp)"},
          {"-m string --string GET --algo bm --from 0 --to 65535",
           R"(-m string --string "GET" --algo bm)"},
          {"-m string --string GET", refused},
          {"-m time --timestart 10:00 --timestop 12:30",
           "-m time --timestart 10:00:00 --timestop 12:30:00 --datestop 2038-01-19T03:14:07"},
          {"-m time --timestart 8:5 --timestop 18:00:30 --weekdays Mon,Tue,3,Sunday",
           "-m time --timestart 08:05:00 --timestop 18:00:30 --weekdays Mon,Tue,Wed,Sun --datestop "
           "2038-01-19T03:14:07"},
          {"-m time --datestart 2020-01-01 --datestop 2021-02-03T04:05:06 --monthdays 1,2,31",
           "-m time --monthdays 1,2,31 --datestart 2020-01-01T00:00:00 --datestop "
           "2021-02-03T04:05:06"},
          {"-m time ! --weekdays Sat,Sun --kerneltz",
           "-m time --weekdays Mon,Tue,Wed,Thu,Fri --datestop 2038-01-19T03:14:07 --kerneltz"},
          {"-m time --timestart 10:00 --utc",
           "-m time --timestart 10:00:00 --timestop 23:59:59 --datestop 2038-01-19T03:14:07"},
          {"-m time --timestart 23:00 --timestop 01:00 --contiguous",
           "-m time --timestart 23:00:00 --timestop 01:00:00 --datestop 2038-01-19T03:14:07 "
           "--contiguous"},
          {"-m time --datestart 2020",
           "-m time --datestart 2020-01-01T00:00:00 --datestop 2038-01-19T03:14:07"},
          {"-m time", "-m time --datestop 2038-01-19T03:14:07"},
          {"-m time --weekdays Mo,Tu", "-m time --weekdays Mon,Tue --datestop 2038-01-19T03:14:07"},
          {"-m time ! --monthdays 5 --localtz",
           "-m time --monthdays "
           "1,2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 "
           "--datestop 2038-01-19T03:14:07 --kerneltz"},
          {"-m time --datestop 2038-01-19T03:14:07", unchanged},
          {"-m time --datestart 2020-1-1T1",
           "-m time --datestart 2020-01-01T01:00:00 --datestop 2038-01-19T03:14:07"},
          {R"(-m u32 --u32 "6&0xFF=1")", R"(-m u32 --u32 "0x6&0xff=0x1")"},
          {R"(-m u32 ! --u32 "6 & 0xFF = 1 && 4 & 0x3FFF = 0 && 0 >> 22 & 0x3C @ 0 >> 24 = 0:5,7")",
           R"(-m u32 ! --u32 "0x6&0xff=0x1&&0x4&0x3fff=0x0&&0x0>>0x16&0x3c@0x0>>0x18=0x0:0x5,0x7")"},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-name a",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a"},
          {"-m hashlimit --hashlimit 5/sec --hashlimit-name b --hashlimit-mode srcip",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name b"},
          {"-m hashlimit --hashlimit-above 5/min --hashlimit-burst 10 --hashlimit-mode "
           "srcip,dstport --hashlimit-name c",
           unchanged},
          {"-m hashlimit --hashlimit-above 5/min --hashlimit-mode dstport,srcport,dstip,srcip "
           "--hashlimit-name d --hashlimit-srcmask 24 --hashlimit-dstmask 16",
           "-m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-mode "
           "srcip,srcport,dstip,dstport --hashlimit-name d --hashlimit-srcmask 24 "
           "--hashlimit-dstmask 16"},
          {"-m hashlimit --hashlimit-above 1/hour --hashlimit-mode srcip --hashlimit-name e "
           "--hashlimit-htable-expire 1000 --hashlimit-htable-size 100 --hashlimit-htable-max 50 "
           "--hashlimit-htable-gcinterval 2000",
           "-m hashlimit --hashlimit-above 1/hour --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name e --hashlimit-htable-size 100 --hashlimit-htable-max 50 "
           "--hashlimit-htable-gcinterval 2000 --hashlimit-htable-expire 1000"},
          {"-m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip --hashlimit-name f",
           unchanged},
          {"-m hashlimit --hashlimit-upto 512kb/s --hashlimit-burst 1mb --hashlimit-mode srcip "
           "--hashlimit-name g",
           unchanged},
          {"-m hashlimit --hashlimit-upto 100b/s --hashlimit-name h",
           "-m hashlimit --hashlimit-upto 96b/s --hashlimit-name h"},
          {"-m hashlimit --hashlimit-upto 3mb/s --hashlimit-name i", unchanged},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-name j --hashlimit-htable-expire 10000",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name j "
           "--hashlimit-htable-expire 10000"},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-name k --hashlimit-htable-expire 60000",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name k "
           "--hashlimit-htable-expire 60000"},
          {"-m hashlimit --hashlimit-upto 5/day --hashlimit-name l",
           "-m hashlimit --hashlimit-upto 5/day --hashlimit-burst 5 --hashlimit-name l"},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name m "
           "--hashlimit-rate-match --hashlimit-rate-interval 5",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name m --hashlimit-rate-match --hashlimit-rate-interval 5"},
          {"-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name n "
           "--hashlimit-rate-match",
           "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name n --hashlimit-rate-match"},
          {"-m hashlimit ! --hashlimit-upto 5/sec --hashlimit-name o",
           "-m hashlimit --hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-name o"},
          {"-m hashlimit --hashlimit-upto 5/sec", refused},
          {"-m hashlimit --hashlimit-name a", refused},
          {"-m hashlimit --hashlimit-upto 1000000/sec --hashlimit-name p",
           "-m hashlimit --hashlimit-upto 1000000/sec --hashlimit-burst 5 --hashlimit-name p"},
          {"-m hashlimit --hashlimit-upto 1000001/sec --hashlimit-name q", refused},
          {"-m hashlimit --hashlimit-upto 7/min --hashlimit-burst 5 --hashlimit-name r "
           "--hashlimit-srcmask 32",
           "-m hashlimit --hashlimit-upto 7/min --hashlimit-burst 5 --hashlimit-name r"},
          {"-m hashlimit --hashlimit-upto 600/min --hashlimit-name s --hashlimit-mode srcip",
           "-m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 5 --hashlimit-mode srcip "
           "--hashlimit-name s --hashlimit-htable-expire 60000"},
          {"-m hashlimit --hashlimit-above 10/second --hashlimit-burst 20 --hashlimit-mode srcip "
           "--hashlimit-name conn_rate_limit --hashlimit-htable-expire 300000",
           "-m hashlimit --hashlimit-above 10/sec --hashlimit-burst 20 --hashlimit-mode srcip "
           "--hashlimit-name conn_rate_limit --hashlimit-htable-expire 300000"},
          {R"(-m string --hex-string "|00|a b|ff|" --algo bm)",
           R"(-m string --hex-string "|00612062ff|" --algo bm)"},
          {R"(-m string --string "tab	x" --algo bm)",
           R"(-m string --hex-string "|7461620978|" --algo bm)"},
          {R"(-m string --string "é" --algo bm)", R"(-m string --hex-string "|c3a9|" --algo bm)"},
          {R"(-m string --hex-string "|61|" --algo bm)", R"(-m string --string "a" --algo bm)"},
      });
}

}  // namespace
}  // namespace wayout::netfilter::text
