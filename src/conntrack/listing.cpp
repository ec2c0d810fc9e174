#include "conntrack/listing.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>

#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

namespace protocol = wire::protocol;

/// An offloaded flow is listed without a timeout: it lives as long as its flowtable entry.
constexpr std::int64_t offloaded_ms = 24 * 3600 * 1000;
/// The rest of the second that the listing has rounded away.
constexpr std::int64_t rounded_ms = 999;

struct Word {
  std::string_view text;
  std::size_t column = 0;  ///< from 1
  std::string_view key;    ///< before `=`; empty: no `=`
  std::string_view value;  ///< behind it
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}

std::vector<Word> split(std::string_view line) {
  std::vector<Word> words;
  std::size_t at = 0;
  while (at < line.size()) {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < line.size() && !is_blank(line[end]))
      ++end;
    Word word{.text = line.substr(at, end - at), .column = at + 1};
    if (const auto equals = word.text.find('='); equals != std::string_view::npos) {
      word.key = word.text.substr(0, equals);
      word.value = word.text.substr(equals + 1);
    }
    words.push_back(word);
    at = end;
  }
  return words;
}

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class State>
std::optional<State> state_of(std::string_view name, State last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (state_name(static_cast<State>(i)) == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

/// One line on its way to a Connection. Every step returns false after it has kept an error.
class LineReader {
 public:
  LineReader(std::string_view line, std::string_view file, std::size_t number)
      : words_(split(line)), file_(file), line_(number) {}

  Result<Connection> read() {
    if (!read_head() || !read_words() || !complete()) return std::move(*error_);
    return std::move(connection_);
  }

 private:
  bool fail(std::size_t column, std::string message) {
    error_ = Error{std::string(file_), line_, column, std::move(message)};
    return false;
  }
  bool fail_value(const Word& word) {
    return fail(word.column, fmt::format("cannot read \"{}\"", word.text));
  }

  template <class Number>
  bool take(const Word& word, Number& into, int base = 10) {
    const auto value = number<Number>(word.value, base);
    if (!value) return fail_value(word);
    into = *value;
    return true;
  }

  /// `[ipv4 2] tcp 6 [timeout] [STATE]`
  bool read_head() {
    if (words_.size() > 1 && (words_[0].text == "ipv4" || words_[0].text == "ipv6")) next_ = 2;
    if (words_.size() < next_ + 2) return fail(1, "no connection entry");
    const Word& protocol_word = words_[next_ + 1];
    const auto protocol_number = number<std::uint8_t>(protocol_word.text);
    if (!protocol_number) {
      return fail(protocol_word.column,
                  fmt::format("\"{}\" is no protocol number", protocol_word.text));
    }
    connection_.tuples[0].protocol = connection_.tuples[1].protocol = *protocol_number;
    next_ += 2;
    connection_.expires_ms = offloaded_ms;
    if (next_ < words_.size()) {
      if (const auto timeout_s = number<std::uint32_t>(words_[next_].text)) {
        connection_.expires_ms = std::int64_t{*timeout_s} * 1000 + rounded_ms;
        ++next_;
      }
    }
    return read_state();
  }

  bool read_state() {
    if (next_ == words_.size()) return true;
    const Word& word = words_[next_];
    if (!word.key.empty() || word.text.front() == '[') return true;
    ++next_;
    if (!is_capital(word.text.front())) return fail_value(word);
    const std::uint8_t number = connection_.original().protocol;
    if (number == protocol::tcp) {
      const auto state = state_of(word.text, TcpState::syn_sent2);
      if (!state) return fail(word.column, fmt::format("unknown TCP state \"{}\"", word.text));
      connection_.tcp.state = *state;
    } else if (number == protocol::sctp) {
      const auto state = state_of(word.text, SctpState::heartbeat_sent);
      if (!state) return fail(word.column, fmt::format("unknown SCTP state \"{}\"", word.text));
      connection_.sctp.state = *state;
    } else {
      listed_.state = word.text;
    }
    return true;
  }

  bool read_words() {
    for (; next_ < words_.size(); ++next_) {
      const Word& word = words_[next_];
      if (read_flag(word)) continue;
      const std::optional<bool> read = tail_ ? std::nullopt : read_tuple_word(word);
      if (read ? !*read : !read_tail_word(word)) return false;
    }
    return true;
  }

  bool read_flag(const Word& word) {
    if (word.text == "[UNREPLIED]") {
      unreplied_ = true;
    } else if (word.text == "[ASSURED]") {
      assured_ = true;
    } else if (word.text == "[OFFLOAD]" || word.text == "[HW_OFFLOAD]") {
      assured_ = true;
      listed_.offload = word.text;
    } else {
      return false;
    }
    return true;
  }

  /// None: the word does not belong to a tuple. False: it does, and cannot be read.
  std::optional<bool> read_tuple_word(const Word& word) {
    if (word.key == "src" && ++tuples_begun_ > 2) return fail(word.column, "a third tuple");
    if (word.key == "timeout") return take_gre_timeout(word, connection_.gre.timeout_s);
    if (word.key == "stream_timeout")
      return take_gre_timeout(word, connection_.gre.stream_timeout_s);
    if (tuples_begun_ == 0) return fail(word.column, "the addresses are missing");
    const int d = tuples_begun_ - 1;
    Tuple& tuple = connection_.tuples[d];
    if (word.key == "src") return take_address(word, tuple.source);
    if (word.key == "dst") return take_address(word, tuple.destination);
    if (word.key == "sport") return take(word, tuple.source_port);
    if (word.key == "dport") return take(word, tuple.destination_port);
    if (word.key == "id" && is_icmp(tuple.protocol)) return take(word, tuple.source_port);
    if (word.key == "type") return take_icmp(word, tuple, 8);
    if (word.key == "code") return take_icmp(word, tuple, 0);
    if (word.key == "srckey") return take_key(word, tuple.source_port);
    if (word.key == "dstkey") return take_key(word, tuple.destination_port);
    if (word.key == "zone-orig") return take(word, connection_.zones.original);
    if (word.key == "zone-reply") return take(word, connection_.zones.reply);
    if (word.key == "packets") {
      connection_.accounted = true;
      return take(word, connection_.packets[d]);
    }
    if (word.key == "bytes") return take(word, connection_.bytes[d]);
    tail_ = tuples_begun_ == 2;
    return std::nullopt;
  }

  bool take_address(const Word& word, wire::IpAddress& into) {
    const auto address = wire::IpAddress::parse(word.value);
    if (!address) return fail_value(word);
    into = *address;
    return true;
  }
  bool take_icmp(const Word& word, Tuple& tuple, int shift) {
    std::uint8_t value = 0;
    if (!take(word, value)) return false;
    tuple.destination_port = static_cast<std::uint16_t>(tuple.destination_port | value << shift);
    return true;
  }
  bool take_key(const Word& word, std::uint16_t& into) {
    if (!word.value.starts_with("0x")) return fail_value(word);
    const auto key = number<std::uint16_t>(word.value.substr(2), 16);
    if (!key) return fail_value(word);
    into = *key;
    return true;
  }
  bool take_gre_timeout(const Word& word, std::uint32_t& into) {
    const auto seconds = number<std::uint32_t>(
        word.value.ends_with(',') ? word.value.substr(0, word.value.size() - 1) : word.value);
    if (!seconds) return fail_value(word);
    into = *seconds;
    return true;
  }

  bool read_tail_word(const Word& word) {
    if (word.key == "mark") return take(word, connection_.mark);
    if (word.key == "use") return take(word, listed_.uses);
    if (word.key == "secctx") return keep(word, listed_.security_context);
    if (word.key == "helper") return keep(word, listed_.helper);
    if (word.key == "zone") {
      std::uint16_t zone = 0;
      if (!take(word, zone)) return false;
      procfs_ |= zone == 0;
      connection_.zones = {zone, zone};
      return true;
    }
    if (word.key == "delta-time") {
      std::uint32_t age_s = 0;
      if (!take(word, age_s)) return false;
      connection_.timestamped = true;
      connection_.created_ms = -std::int64_t{age_s} * 1000;
      return true;
    }
    if (!listed_.rest.empty()) listed_.rest += ' ';
    listed_.rest += word.text;
    return true;
  }
  static bool keep(const Word& word, std::string& into) {
    into = word.value;
    return true;
  }

  bool complete() {
    for (const Tuple& tuple : connection_.tuples) {
      if (!tuple.source.is_set() || tuple.source.family() != tuple.destination.family() ||
          tuple.source.family() != connection_.original().source.family())
        return fail(1, "an entry needs two tuples of addresses, src= and dst=, of one family");
      if (!inverse(tuple)) {
        return fail(1, fmt::format("no connection has ICMP type {}", tuple.icmp_type()));
      }
    }
    set_status();
    if (procfs_ && listed_.uses > 0) --listed_.uses;
    if (listed_ != Listed{})
      connection_.listed = std::make_shared<const Listed>(std::move(listed_));
    return true;
  }

  void set_status() {
    Connection& c = connection_;
    c.preexisting = true;
    // Whether NAT was there when the entry was made is not shown; where it was, it is done.
    c.status = Status::confirmed | Status::source_nat_done | Status::destination_nat_done;
    if (!unreplied_) c.status |= Status::seen_reply;
    if (assured_) c.status |= Status::assured;
    const Tuple translated = *inverse(c.reply());
    const Tuple& original = c.original();
    if (translated.source != original.source || translated.source_port != original.source_port)
      c.status |= Status::source_nat;
    if (translated.destination != original.destination ||
        translated.destination_port != original.destination_port)
      c.status |= Status::destination_nat;
    for (TcpPeer& peer : c.tcp.seen)
      peer.flags = TcpPeer::be_liberal | TcpPeer::sack_permitted;
    // These states are reached by a FIN only, and the next SYN may reopen the connection.
    if (c.tcp.state >= TcpState::fin_wait && c.tcp.state <= TcpState::time_wait)
      c.tcp.seen[0].flags |= TcpPeer::close_init;
    c.tcp.closer_unknown = c.tcp.state == TcpState::close;
    c.udp_stream_from_ms = std::numeric_limits<std::int64_t>::min();
  }

  std::vector<Word> words_;
  std::string_view file_;
  std::size_t line_;
  std::size_t next_ = 0;
  Connection connection_;
  Listed listed_;
  int tuples_begun_ = 0;
  bool tail_ = false;  ///< behind the tuples
  bool unreplied_ = false, assured_ = false;
  bool procfs_ = false;  ///< `zone=0` stands only there, where `use=` counts the reader too
  std::optional<Error> error_;
};

bool is_no_entry(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos ||
         line.starts_with("conntrack v");  // "… flow entries have been shown."
}

}  // namespace

Result<std::vector<Connection>> read_listing(std::string_view text, std::string_view file) {
  std::vector<Connection> connections;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_no_entry(line)) continue;
    Result<Connection> connection = LineReader(line, file, line_number).read();
    if (!connection) return connection.error();
    connections.push_back(std::move(*connection));
  }
  return connections;
}

}  // namespace wayout::conntrack
