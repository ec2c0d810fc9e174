// A dialogue of packets through a router, and what became of each: as text, one step a line.
//
// The router has two legs: in0 (10.0.1.1/24, clients 10.0.1.2-5) and out0 (10.0.2.1/24, default
// route via 10.0.2.254). Conntrack is on. What a file may hold:
//
//     # comment
//     set nf_conntrack_tcp_be_liberal=1       a sysctl of net.netfilter
//     rule -t nat -A POSTROUTING -o out0 -j MASQUERADE
//     > tcp 10.0.1.2:1000 8.8.8.8:80 S seq=1  a packet that arrives at in0 (see packet_line.hpp)
//     < tcp 8.8.8.8:80 10.0.2.1:1000 SA …     one that arrives at out0
//     wait 2100                               milliseconds pass
//     age 5000                                every entry has 5000 s left from here on
//     show bytes                              answers hold the bytes behind the IP header
//
// After each packet stands its answer, recorded from the kernel: the state by which rules see it
// and what left at the other leg (`dropped`: nothing), the entries that are new, changed or gone,
// and what `conntrack -S` counted:
//
//     NEW IP 10.0.2.1.1000 > 8.8.8.8.80: Flags [S], seq 1, win 8192, length 0
//     + tcp      6 119 SYN_SENT src=10.0.1.2 dst=8.8.8.8 …
//     - tcp      6 119 TIME_WAIT src=10.0.1.3 dst=8.8.8.8 …
//     counted invalid 1
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wayout::conversation {

/// What a router made of one packet.
struct Answer {
  std::string state;                             ///< `NEW`, …; empty: nothing left
  std::vector<std::uint8_t> packet;              ///< the IP packet that left
  std::vector<std::string> entries;              ///< all, as `conntrack -L` prints them, sorted
  std::map<std::string, std::uint64_t> counted;  ///< conntrack -S: what rose, and by how much
};

struct Step {
  std::string text;                 ///< without the answer
  std::size_t line = 0;             ///< in its file
  std::vector<std::string> answer;  ///< recorded, without indentation; empty: none
  [[nodiscard]] bool is_packet() const { return text[0] == '>' || text[0] == '<'; }
};

/// Steps of a case file. Comments belong to the step behind them.
[[nodiscard]] std::vector<Step> parse(std::string_view text);

/// Something that conntracks and NATs between two legs.
class Router {
 public:
  virtual ~Router() = default;
  virtual void set(std::string_view assignment) = 0;
  virtual void rule(std::string_view arguments) = 0;
  virtual Answer packet(bool from_client, const std::vector<std::uint8_t>& ip) = 0;
  virtual void wait_ms(int milliseconds) = 0;
  virtual void age_s(int seconds) = 0;

  /// Do a step. For a packet: the answer's lines as a case file has them, else none.
  std::vector<std::string> run(const Step& step);
  /// The answer to the last packet.
  [[nodiscard]] const Answer& last() const { return last_; }

 private:
  [[nodiscard]] std::vector<std::string> lines_since(const std::vector<std::string>& before) const;

  Answer last_;
  bool show_bytes_ = false;
};

/// Our rooms. The same seed draws the same ports.
[[nodiscard]] std::unique_ptr<Router> engine_router(std::uint64_t seed = 1);
/// The kernel, in a namespace that the process moves into. Null with `reason` when it cannot. With
/// a delay of more than a clock tick before each listing, a fresh 30 s are always listed as 29.
[[nodiscard]] std::unique_ptr<Router> kernel_router(std::string& reason, int listing_delay_ms = 0);

/// Sort by all but state and timeout.
void sort_entries(std::vector<std::string>& entries);

/// Why two answers differ in more than a second of a timeout, or "".
[[nodiscard]] std::string difference(const std::vector<std::string>& expected,
                                     const std::vector<std::string>& actual);

}  // namespace wayout::conversation
