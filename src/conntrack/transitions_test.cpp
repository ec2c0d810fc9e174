// The TCP and SCTP state machines, cell by cell. The expected tables were recorded from Linux 6.18:
// an entry in each state was made with `conntrack -I`, one packet of each kind sent from each side,
// and the entry listed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "conntrack/tcp_window.hpp"
#include "conntrack/trackers.hpp"
#include "wire/craft.hpp"

namespace wayout::conntrack {
namespace {

using wire::IpAddress;
using wire::TcpHeader;

constexpr std::int64_t long_ms = 5'000'000;

/// `SS`: the new state. `!`: invalid. `~`: passes, and the timeout stays. `del`: the entry goes.
/// `new`: the packet begins another entry.
std::string cell_of(const Opinion& opinion, const std::string& state, std::int64_t expires_ms) {
  switch (opinion.kind) {
    case Opinion::Kind::invalid:
      return state + "!";
    case Opinion::Kind::ignored:
      return state + "~";
    case Opinion::Kind::last:
      return "del";
    case Opinion::Kind::reopens:
      return "new";
    case Opinion::Kind::part:
      return expires_ms == long_ms ? state + "~" : state;
  }
  return "";
}

// The SYN in FW … LA passes unchanged; TW and CL are reopened, as these entries were closed by a
// FIN.
constexpr const char* recorded_tcp = R"(
dir packet SS  SR  ES  FW  CW  LA  TW  CL  S2
O   S      SS~ SR~ ES~ FW~ CW~ LA~ new new S2
O   SA     SS! SR  ES! FW! CW! LA! TW! CL! SR
O   FA     SS! FW  FW  LA  LA  LA  TW  CL  S2!
O   A      SS! ES  ES  CW  CW  TW  TW  CL  S2!
O   R      del CL  CL  CL  CL  CL  CL  CL  del
R   S      S2~ SR! ES! FW! CW! LA! new CL! S2
R   SA     SR  SR~ ES~ FW~ CW~ LA~ TW~ CL~ SR
R   FA     SS! FW  FW  LA  LA  LA  TW  CL  S2!
R   A      SS~ SR  ES  CW  CW  TW  TW  CL  S2~
R   R      del CL  CL  CL  CL  CL  CL  CL  del
)";

std::string tcp_cell(bool original, const std::string& letters, TcpState state) {
  static const std::map<char, std::uint8_t> bits{
      {'S', TcpHeader::syn}, {'A', TcpHeader::ack}, {'F', TcpHeader::fin}, {'R', TcpHeader::rst}};
  static const char* names[] = {"NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2"};
  wire::TcpFields fields{.sequence = 1000, .acknowledgement = 2000, .flags = 0};
  for (const char letter : letters)
    fields.flags |= bits.at(letter);
  if ((fields.flags & TcpHeader::ack) == 0) fields.acknowledgement = 0;
  const auto ip =
      wire::make_tcp({.source = IpAddress::v4(1), .destination = IpAddress::v4(2)}, fields);

  Connection connection;
  connection.status = Status::confirmed;
  if (state != TcpState::syn_sent && state != TcpState::syn_sent2)
    connection.status |= Status::seen_reply;
  connection.expires_ms = long_ms;
  connection.tcp.state = state;
  if (state == TcpState::time_wait || (state == TcpState::close && original))
    connection.tcp.seen[0].flags = TcpPeer::close_init;
  const Config config{.tcp_be_liberal = true};
  const Opinion opinion = track_tcp(
      connection,
      {.segment = *segment_of(ip), .direction = original ? Direction::original : Direction::reply},
      config);
  return cell_of(opinion, names[static_cast<int>(connection.tcp.state)], connection.expires_ms);
}

TEST(Tcp, ChangesStateAsRecorded) {
  std::istringstream table(recorded_tcp);
  std::string line, direction, packet, cell;
  std::getline(table, line);
  std::getline(table, line);
  int cells = 0;
  while (table >> direction >> packet) {
    for (int state = 1; state <= 9; ++state, ++cells) {
      table >> cell;
      EXPECT_EQ(tcp_cell(direction == "O", packet, static_cast<TcpState>(state)), cell)
          << direction << " " << packet << " in state " << state;
    }
  }
  EXPECT_EQ(cells, 90);
}

TEST(Tcp, ReadsOptionsUpToTheFirstMalformedOne) {
  const auto read = [](std::vector<std::uint8_t> options) {
    std::vector<std::uint8_t> bytes(20);
    bytes.insert(bytes.end(), options.begin(), options.end());
    bytes[12] = static_cast<std::uint8_t>((bytes.size() / 4) << 4);
    const TcpSegment segment = read_tcp(bytes);
    return fmt::format("{} {} {}", segment.scale, segment.option_flags, segment.sack_end);
  };
  EXPECT_EQ(read({3, 3, 7, 1, 4, 2, 1, 1}), "7 3 0");
  EXPECT_EQ(read({3, 3, 15, 0}), "14 1 0");  // a shift above 14 counts as 14
  EXPECT_EQ(read({0, 3, 3, 7}), "0 0 0");    // end of options
  EXPECT_EQ(read({3, 0, 4, 2}), "0 0 0");    // length 0
  EXPECT_EQ(read({1, 1, 1, 3}), "0 0 0");    // cut
  EXPECT_EQ(read({3, 9, 7, 1}), "0 0 0");    // longer than what is there
  EXPECT_EQ(read({5, 10, 0, 0, 0, 1, 0, 0, 0, 9, 1, 1}), "0 0 9");
  EXPECT_EQ(read({5, 18, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 20, 0, 0, 0, 30, 1, 1}), "0 0 30");
  EXPECT_EQ(read({5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1}), "0 0 0");
}

TEST(Tcp, ComparesSequenceNumbersOnACircle) {
  EXPECT_TRUE(before(1, 2));
  EXPECT_TRUE(before(0xffffffff, 0));
  EXPECT_FALSE(before(0, 0xffffffff));
  EXPECT_TRUE(after(5, 0xfffffff0));
  EXPECT_FALSE(after(7, 7));
}

constexpr const char* recorded_sctp = R"(
dir chunk CL  CW  CE  ES  SS  SR  SA  HS
O   1     CL~ CW  CE  ES  CL  CL  SA  CW
O   2     CL  CW  CE  ES  SS  SR  SA  CL
O   6     CL  CL  CL  CL  CL  CL  CL  CL
O   7     CL  CW  CE  SS  SS  SR  SA  CL
O   8     CL  CW  CE  ES  SA  SA  SA  SA
O   9     CL  CW  CE  ES  SS  SR  SA  CL
O   10    CL  CE  CE  ES  SS  SR  SA  CL
O   11    CL  CW  ES  ES  SS  SR  SA  CL
O   14    CL  CW  CE  ES  SS  SR  CL  CL
O   4     CL  CW  CE  ES  SS  SR  SA  HS
O   5     CL  CW  CE  ES  SS  SR  SA  HS
O   0     CL  CW  CE  ES  SS  SR  SA  HS
O   3     CL  CW  CE  ES  SS  SR  SA  HS
R   1     CL~ CW  CE  ES  SS  SR  SA  HS!
R   2     CW  CW  CE  ES  SS  SR  SA  HS!
R   6     CL  CL  CL  CL  CL  CL  CL  HS!
R   7     CL  CW  CE  SR  SS  SR  SA  HS!
R   8     CL  CW  CE  ES  SA  SA  SA  HS!
R   9     CL  CW  CL  ES  SS  SR  SA  HS!
R   10    CL  CE  CE  ES  SS  SR  SA  HS!
R   11    CL  CW  ES  ES  SS  SR  SA  HS!
R   14    CL  CW  CE  ES  SS  SR  CL  HS!
R   4     CL  CW  CE  ES  SS  SR  SA  HS
R   5     CL  CW  CE  ES  SS  SR  SA  ES
R   0     CL  CW  CE  ES  SS  SR  SA  HS
R   3     CL  CW  CE  ES  SS  SR  SA  HS
)";

std::string sctp_cell(bool original, int chunk, SctpState state) {
  static const char* names[] = {"NO", "CL", "CW", "CE", "ES", "SS", "SR", "SA", "HS"};
  constexpr std::uint8_t tags[] = {17, 34};
  const bool init = chunk == 1 || chunk == 2;
  const std::uint8_t own = tags[original ? 0 : 1], peer = tags[original ? 1 : 0];
  std::vector<std::uint8_t> bytes{0,
                                  1,
                                  0,
                                  2,
                                  0,
                                  0,
                                  0,
                                  chunk == 1 ? std::uint8_t{0} : own,
                                  0,
                                  0,
                                  0,
                                  0,
                                  static_cast<std::uint8_t>(chunk),
                                  0,
                                  0,
                                  init ? std::uint8_t{20} : std::uint8_t{8},
                                  0,
                                  0,
                                  0,
                                  init ? peer : std::uint8_t{0}};
  if (init) bytes.resize(32);

  Connection connection;
  connection.status = Status::confirmed | Status::seen_reply;
  connection.expires_ms = long_ms;
  connection.sctp.state = state;
  connection.sctp.tags[0] = tags[0];
  connection.sctp.tags[1] = tags[1];
  const Opinion opinion =
      track_sctp(connection,
                 {.segment = {.protocol = 132, .bytes = bytes},
                  .direction = original ? Direction::original : Direction::reply},
                 {});
  return cell_of(opinion, names[static_cast<int>(connection.sctp.state)], connection.expires_ms);
}

TEST(Sctp, ChangesStateAsRecorded) {
  std::istringstream table(recorded_sctp);
  std::string line, direction, cell;
  std::getline(table, line);
  std::getline(table, line);
  int chunk = 0, cells = 0;
  while (table >> direction >> chunk) {
    for (int state = 1; state <= 8; ++state, ++cells) {
      table >> cell;
      EXPECT_EQ(sctp_cell(direction == "O", chunk, static_cast<SctpState>(state)), cell)
          << direction << " chunk " << chunk << " in state " << state;
    }
  }
  EXPECT_EQ(cells, 26 * 8);
}

TEST(Sctp, RefusesPacketsWhoseChunksMayNotStandTogether) {
  const auto kind = [](std::vector<std::uint8_t> chunks) {
    std::vector<std::uint8_t> bytes{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    bytes.insert(bytes.end(), chunks.begin(), chunks.end());
    Connection connection;
    connection.status = Status::confirmed;
    connection.sctp.state = SctpState::established;
    return track_sctp(connection, {.segment = {.protocol = 132, .bytes = bytes}}, {}).kind;
  };
  using Kind = Opinion::Kind;
  EXPECT_EQ(kind({}), Kind::invalid);  // no chunk
  EXPECT_EQ(kind({0, 0, 0, 4}), Kind::part);
  EXPECT_EQ(kind({0, 0, 0, 4, 0, 0, 0, 4}), Kind::part);
  EXPECT_EQ(kind({0, 0, 0, 0}), Kind::invalid);               // a chunk of no length
  EXPECT_EQ(kind({0, 0, 0, 4, 11, 0, 0, 4}), Kind::invalid);  // COOKIE ACK is not first
  EXPECT_EQ(kind({11, 0, 0, 4, 0, 0, 0, 4}), Kind::part);
  EXPECT_EQ(kind({14, 0, 0, 4, 0, 0, 0, 4}), Kind::invalid);  // SHUTDOWN COMPLETE is not alone
  EXPECT_EQ(kind({1, 0, 0, 4}), Kind::invalid);               // INIT without its fields
}

}  // namespace
}  // namespace wayout::conntrack
