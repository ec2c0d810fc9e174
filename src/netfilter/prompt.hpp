// What people paste along with a listing: the prompt of their shell and the command behind it.
#pragma once

#include <optional>
#include <string_view>

namespace wayout::netfilter {

/// The command of `root@host:~# ip route`, `[user@host ~]$ iptables -S`, `/ # ip a`; "" behind a
/// bare prompt. A line that begins with `#` or `$` is one, too. Nothing when it is another line: a
/// row of a listing may have such signs further back, in a comment.
[[nodiscard]] std::optional<std::string_view> pasted_command(std::string_view line);

}  // namespace wayout::netfilter
