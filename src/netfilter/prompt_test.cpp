#include "netfilter/prompt.hpp"

#include <gtest/gtest.h>

namespace wayout::netfilter {
namespace {

TEST(Prompt, WhatPeoplePasteAlong) {
  const struct {
    const char* line;
    std::optional<std::string_view> command;
  } rows[] = {
      {"root@web1:~# iptables -nvL", "iptables -nvL"},
      {"[root@nat ~]$ ip a", "ip a"},
      {"/ # ip addr", "ip addr"},
      {"host:~ # ip addr", "ip addr"},
      {"# iptables -t nat -S", "iptables -t nat -S"},
      {"root@web1:~#", ""},
      {"root@web1:~# \r", ""},
      {"3: eth0@if4: <UP> mtu 1500", std::nullopt},
      {"    0     0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0 /* a@b# ip x */", std::nullopt},
      {"    0     0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0 /* ~/# ip x */", std::nullopt},
      {"-A FORWARD -m comment --comment \"a@b # c\" -j DROP", std::nullopt},
      {"default via 10.0.0.1 dev eth0", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& row : rows)
    EXPECT_EQ(pasted_command(row.line), row.command) << row.line;
}

}  // namespace
}  // namespace wayout::netfilter
