#include <algorithm>
#include <array>
#include <optional>

#include "conntrack/trackers.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

using wire::SctpHeader;

/// RFC 9260, 3.2.
struct ChunkHeader {
  static constexpr std::uint8_t data = 0, init = 1, init_ack = 2, heartbeat = 4, heartbeat_ack = 5,
                                abort = 6, shutdown = 7, shutdown_ack = 8, error = 9,
                                cookie_echo = 10, cookie_ack = 11, shutdown_complete = 14;
  static constexpr std::uint8_t reflected_tag = 1;  ///< flag T: the tag is the peer's own
  std::uint8_t type, flags;
  wire::be16 length;
};

struct InitHeader {
  ChunkHeader chunk;
  wire::be32 tag, window;
  wire::be16 outbound_streams, inbound_streams;
  wire::be32 sequence;
};
static_assert(sizeof(InitHeader) == 20);

enum Cell : std::uint8_t { no, cl, cw, ce, es, ss, sr, sa, hs, iv };
static_assert(hs == static_cast<int>(SctpState::heartbeat_sent));

using Row = std::array<Cell, 9>;   // by SctpState
using Rows = std::array<Row, 11>;  // by row_of()

// clang-format off
constexpr std::array<Rows, 2> transitions{{
    // original direction
    {{
        //  no  cl  cw  ce  es  ss  sr  sa  hs
        Row{cl, cl, cw, ce, es, cl, cl, sa, cw},  // INIT
        Row{cl, cl, cw, ce, es, ss, sr, sa, cl},  // INIT ACK
        Row{iv, cl, cl, cl, cl, cl, cl, cl, cl},  // ABORT
        Row{cl, cl, cw, ce, ss, ss, sr, sa, cl},  // SHUTDOWN
        Row{sa, cl, cw, ce, es, sa, sa, sa, sa},  // SHUTDOWN ACK
        Row{cl, cl, cw, ce, es, ss, sr, sa, cl},  // ERROR
        Row{cl, cl, ce, ce, es, ss, sr, sa, cl},  // COOKIE ECHO
        Row{iv, cl, cw, es, es, ss, sr, sa, cl},  // COOKIE ACK
        Row{iv, cl, cw, ce, es, ss, sr, cl, cl},  // SHUTDOWN COMPLETE
        Row{hs, cl, cw, ce, es, ss, sr, sa, hs},  // HEARTBEAT
        Row{cl, cl, cw, ce, es, ss, sr, sa, hs},  // HEARTBEAT ACK
    }},
    // reply direction
    {{
        Row{iv, cl, cw, ce, es, ss, sr, sa, iv},  // INIT
        Row{iv, cw, cw, ce, es, ss, sr, sa, iv},  // INIT ACK
        Row{iv, cl, cl, cl, cl, cl, cl, cl, iv},  // ABORT
        Row{iv, cl, cw, ce, sr, ss, sr, sa, iv},  // SHUTDOWN
        Row{iv, cl, cw, ce, es, sa, sa, sa, iv},  // SHUTDOWN ACK
        Row{iv, cl, cw, cl, es, ss, sr, sa, iv},  // ERROR
        Row{iv, cl, ce, ce, es, ss, sr, sa, iv},  // COOKIE ECHO
        Row{iv, cl, cw, es, es, ss, sr, sa, iv},  // COOKIE ACK
        Row{iv, cl, cw, ce, es, ss, sr, cl, iv},  // SHUTDOWN COMPLETE
        Row{iv, cl, cw, ce, es, ss, sr, sa, hs},  // HEARTBEAT
        Row{iv, cl, cw, ce, es, ss, sr, sa, es},  // HEARTBEAT ACK
    }},
}};
// clang-format on

/// The row of a chunk type; none for DATA, SACK and others that change no state.
std::optional<int> row_of(std::uint8_t type) {
  switch (type) {
    case ChunkHeader::init:
      return 0;
    case ChunkHeader::init_ack:
      return 1;
    case ChunkHeader::abort:
      return 2;
    case ChunkHeader::shutdown:
      return 3;
    case ChunkHeader::shutdown_ack:
      return 4;
    case ChunkHeader::error:
      return 5;
    case ChunkHeader::cookie_echo:
      return 6;
    case ChunkHeader::cookie_ack:
      return 7;
    case ChunkHeader::shutdown_complete:
      return 8;
    case ChunkHeader::heartbeat:
      return 9;
    case ChunkHeader::heartbeat_ack:
      return 10;
    default:
      return std::nullopt;
  }
}

/// None: invalid.
std::optional<SctpState> next_state(Direction direction, SctpState old, std::uint8_t type) {
  const auto row = row_of(type);
  if (!row) return old;
  const Cell cell = transitions[static_cast<int>(direction)][*row][static_cast<int>(old)];
  if (cell == iv) return std::nullopt;
  return static_cast<SctpState>(cell);
}

/// The chunks of a packet, first to last; a header that does not fit ends them.
class Chunks {
 public:
  explicit Chunks(std::span<const std::uint8_t> bytes) : rest_(bytes.subspan(sizeof(SctpHeader))) {}
  [[nodiscard]] const ChunkHeader* chunk() const { return wire::header_at<ChunkHeader>(rest_); }
  [[nodiscard]] const InitHeader* init() const { return wire::header_at<InitHeader>(rest_); }
  void next() {
    const std::size_t padded = (std::size_t{chunk()->length} + 3) & ~std::size_t{3};
    rest_ = rest_.subspan(std::min(padded, rest_.size()));
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// Which of the chunk types below 32 a packet holds.
class TypeSet {
 public:
  void add(std::uint8_t type) {
    if (type < 32) bits_ |= 1U << type;
  }
  [[nodiscard]] bool has(std::uint8_t type) const { return (bits_ >> type & 1) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

/// INIT, INIT ACK and SHUTDOWN COMPLETE stand alone, cookie chunks come first, no chunk is empty.
/// None when a packet breaks this. Linux: do_basic_checks.
std::optional<TypeSet> well_formed_types(std::span<const std::uint8_t> bytes) {
  TypeSet types;
  int count = 0;
  bool alone = false;
  for (Chunks chunks(bytes); chunks.chunk() != nullptr; ++count) {
    const ChunkHeader& chunk = *chunks.chunk();
    alone |= chunk.type == ChunkHeader::init || chunk.type == ChunkHeader::init_ack ||
             chunk.type == ChunkHeader::shutdown_complete;
    const bool first_only =
        chunk.type == ChunkHeader::cookie_ack || chunk.type == ChunkHeader::cookie_echo || alone;
    if ((first_only && count != 0) || chunk.length == 0) return std::nullopt;
    types.add(chunk.type);
    chunks.next();
  }
  if (count == 0) return std::nullopt;
  return types;
}

/// The first packet of an association. Linux: sctp_new, RFC 9260 8.4.
bool begin(SctpTracking& sctp, std::span<const std::uint8_t> bytes, const TypeSet& types) {
  if (types.has(ChunkHeader::abort) || types.has(ChunkHeader::shutdown_complete) ||
      types.has(ChunkHeader::cookie_ack))
    return false;
  sctp = {};
  const std::uint32_t tag = wire::header_at<SctpHeader>(bytes)->tag;
  for (Chunks chunks(bytes); chunks.chunk() != nullptr; chunks.next()) {
    const std::uint8_t type = chunks.chunk()->type;
    const auto state = next_state(Direction::original, SctpState::none, type);
    if (!state || *state == SctpState::none) return false;
    if (type == ChunkHeader::init) {
      if (tag != 0 || chunks.init() == nullptr) return false;
      sctp.tags[1] = chunks.init()->tag;
    } else if (type == ChunkHeader::heartbeat) {
      sctp.tags[0] = tag;
      break;
    } else if (type == ChunkHeader::shutdown_ack) {
      sctp.tags[1] = tag;  // what answers it reflects its tag
    }
  }
  return true;
}

/// One packet going through an association's state: what its chunks, one by one, do to it.
class Passage {
 public:
  Passage(Connection& connection, const Observed& packet, const TypeSet& types)
      : sctp_(connection.sctp),
        own_(static_cast<int>(packet.direction)),
        direction_(packet.direction),
        tag_(wire::header_at<SctpHeader>(packet.segment.bytes)->tag),
        has_data_(types.has(ChunkHeader::data)),
        confirmed_(connection.has(Status::confirmed)) {}

  enum class Outcome : std::uint8_t { taken, skipped, wrong_tag, wrong_state };

  Outcome take(const Chunks& chunks) {
    const ChunkHeader& chunk = *chunks.chunk();
    if (const Outcome outcome = test_tag(chunk); outcome != Outcome::taken) return outcome;
    const SctpState old = sctp_.state;
    const auto next = next_state(direction_, old, chunk.type);
    if (!next) return Outcome::wrong_state;
    if (chunk.type == ChunkHeader::init || chunk.type == ChunkHeader::init_ack) {
      const InitHeader* init = chunks.init();
      if (init == nullptr || !learn_tag(*init)) return Outcome::wrong_tag;
      if (chunk.type == ChunkHeader::init && confirmed_ && old == SctpState::closed &&
          *next == SctpState::closed)
        ignored_ = true;  // a repeated INIT must not hold its ports for ever
    }
    if (old != *next && *next == SctpState::established) became_established_ = true;
    sctp_.state = *next;
    return Outcome::taken;
  }

  [[nodiscard]] bool ignored() const { return ignored_; }
  [[nodiscard]] bool became_established() const { return became_established_; }

 private:
  /// RFC 9260 8.5.1: whose tag each chunk type must carry.
  Outcome test_tag(const ChunkHeader& chunk) {
    const auto require = [](bool right) { return right ? Outcome::taken : Outcome::wrong_tag; };
    switch (chunk.type) {
      case ChunkHeader::init:
        return require(tag_ == 0);
      case ChunkHeader::abort:
      case ChunkHeader::shutdown_complete:
        return require(
            tag_ == sctp_.tags[(chunk.flags & ChunkHeader::reflected_tag) != 0 ? 1 - own_ : own_]);
      case ChunkHeader::cookie_echo:
        return require(tag_ == sctp_.tags[own_]);
      case ChunkHeader::cookie_ack:
        sctp_.init_seen[0] = sctp_.init_seen[1] = false;
        return Outcome::taken;
      case ChunkHeader::heartbeat:
      case ChunkHeader::heartbeat_ack:
        return test_heartbeat_tag(chunk.type == ChunkHeader::heartbeat_ack);
      default:
        return Outcome::taken;
    }
  }

  /// After a restart of one end a HEARTBEAT may carry a tag that we do not know; when it is
  /// answered with an unknown one as well, the association goes on with the new tags.
  Outcome test_heartbeat_tag(bool is_answer) {
    std::uint32_t& expected = sctp_.tags[own_];
    if (expected == 0) {
      expected = tag_;
      return Outcome::taken;
    }
    if (tag_ == expected) {
      sctp_.heartbeat_mismatch = false;
      return Outcome::taken;
    }
    if (has_data_ || ignored_) return Outcome::wrong_tag;
    if (!is_answer) {
      sctp_.heartbeat_mismatch = true;
      sctp_.last_direction = direction_;
      ignored_ = true;
      return Outcome::skipped;
    }
    if (!sctp_.heartbeat_mismatch || sctp_.last_direction == direction_) return Outcome::wrong_tag;
    sctp_.heartbeat_mismatch = false;
    expected = tag_;
    sctp_.tags[1 - own_] = 0;
    return Outcome::taken;
  }

  /// INIT and INIT ACK name the tag that the other end must use.
  bool learn_tag(const InitHeader& init) {
    const int peer = 1 - own_;
    if (init.chunk.type == ChunkHeader::init) {
      // One that names the tag in force is late or repeated, and begins nothing.
      if (sctp_.state == SctpState::none || sctp_.tags[peer] != init.tag) {
        if (sctp_.init_seen[own_] && sctp_.init_seen[peer]) sctp_.init_seen[peer] = false;
        sctp_.init_seen[own_] = true;
      }
    } else {
      const std::uint32_t known = sctp_.tags[peer];
      const bool differs = known != init.tag;
      if (!sctp_.init_seen[peer] && known != 0 && differs) return false;
      if (sctp_.init_seen[own_] && sctp_.init_seen[peer] && differs) return false;
    }
    sctp_.tags[peer] = init.tag;
    return true;
  }

  SctpTracking& sctp_;
  int own_;
  Direction direction_;
  std::uint32_t tag_;
  bool has_data_;
  bool confirmed_;
  bool ignored_ = false;
  bool became_established_ = false;
};

Invalid fault_of(const Observed& packet) {
  const std::span<const std::uint8_t> bytes = packet.segment.bytes;
  const auto* header = wire::header_at<SctpHeader>(bytes);
  if (header == nullptr) return Invalid::truncated;
  if (packet.test_checksum && header->checksum != wire::sctp_checksum(bytes))
    return Invalid::bad_checksum;
  return Invalid::none;
}

/// Chunks that carry another tag than the direction's own are tested one by one.
bool tag_is_plain(const TypeSet& types) {
  for (const std::uint8_t type :
       {ChunkHeader::init, ChunkHeader::shutdown_complete, ChunkHeader::cookie_echo,
        ChunkHeader::abort, ChunkHeader::shutdown_ack, ChunkHeader::heartbeat,
        ChunkHeader::heartbeat_ack}) {
    if (types.has(type)) return false;
  }
  return true;
}

}  // namespace

Opinion track_sctp(Connection& connection, const Observed& packet, const Config& config) {
  if (const Invalid fault = fault_of(packet); fault != Invalid::none)
    return Opinion::invalid(fault);
  const std::span<const std::uint8_t> bytes = packet.segment.bytes;
  const auto types = well_formed_types(bytes);
  if (!types) return Opinion::invalid(Invalid::truncated);
  SctpTracking& sctp = connection.sctp;
  if (!connection.has(Status::confirmed) && !begin(sctp, bytes, *types))
    return Opinion::invalid(Invalid::cannot_begin);

  const std::uint32_t tag = wire::header_at<SctpHeader>(bytes)->tag;
  std::uint32_t& expected = sctp.tags[static_cast<int>(packet.direction)];
  // Listings do not show the tags of an association.
  if (connection.preexisting && expected == 0) expected = tag;
  if (tag_is_plain(*types) && tag != expected) return Opinion::invalid(Invalid::wrong_tag);

  Passage passage(connection, packet, *types);
  for (Chunks chunks(bytes); chunks.chunk() != nullptr; chunks.next()) {
    switch (passage.take(chunks)) {
      case Passage::Outcome::taken:
      case Passage::Outcome::skipped:
        break;
      case Passage::Outcome::wrong_tag:
        return Opinion::invalid(Invalid::wrong_tag);
      case Passage::Outcome::wrong_state:
        return Opinion::invalid(Invalid::wrong_state);
    }
  }
  if (passage.became_established()) connection.status |= Status::assured;
  if (passage.ignored()) return {Opinion::Kind::ignored};
  refresh(connection, config.sctp_timeout_s[static_cast<int>(sctp.state)], packet.now_ms);
  return {};
}

}  // namespace wayout::conntrack
