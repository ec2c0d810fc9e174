// What an administrator sets for connection tracking: net.netfilter.nf_conntrack_*.
#pragma once

#include <cstdint>

namespace wayout::conntrack {

/// net.netfilter.nf_conntrack_*, kernel defaults; times in seconds.
struct Config {
  bool enabled = false;              ///< some rule of the namespace needs conntrack (it is lazy)
  std::uint32_t max = 262144;
  bool max_known = false;            ///< nf_conntrack_max was read, and count is comparable with it
  std::uint32_t count = 0;           ///< nf_conntrack_count as read
  bool checksum = true;
  bool tcp_loose = true;
  bool tcp_be_liberal = false;
  bool tcp_ignore_invalid_rst = false;
  bool accounting = false;           ///< nf_conntrack_acct
  bool timestamp = false;
  std::uint32_t tcp_max_retrans = 3;
  /// By TcpState.
  std::uint32_t tcp_timeout_s[10] = {0, 120, 60, 432000, 120, 60, 30, 120, 10, 120};
  std::uint32_t tcp_timeout_max_retrans_s = 300, tcp_timeout_unacknowledged_s = 300;
  std::uint32_t udp_timeout_s = 30, udp_timeout_stream_s = 120;
  std::uint32_t icmp_timeout_s = 30, generic_timeout_s = 600;
  std::uint32_t gre_timeout_s = 30, gre_timeout_stream_s = 180;
  /// By SctpState.
  std::uint32_t sctp_timeout_s[9] = {0, 10, 3, 3, 210, 3, 3, 3, 30};
};

/// `conntrack -S` of the namespace.
struct Statistics {
  std::uint64_t found = 0, invalid = 0, insert_failed = 0, drop = 0, early_drop = 0, error = 0,
                clash_resolve = 0;
};

}  // namespace wayout::conntrack
