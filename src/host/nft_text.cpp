// `nft list ruleset` as people paste it. The blocks are read; of a rule only what it may lead to.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/escape.hpp"
#include "host/names.hpp"
#include "host/nft.hpp"
#include "host/nft_model.hpp"
#include "host/words.hpp"

namespace wayout::host {

namespace {

using nft_model::Effect;

/// Words stand between these: `type filter hook ingress devices = { "a", "b" } …`.
constexpr std::string_view punctuation = " \t\",;={}";

struct Token {
  enum class Kind : std::uint8_t { word, quoted, mark, remark, line_end, text_end };
  Kind kind = Kind::text_end;
  std::string_view text;  ///< without its quotes; a mark is one of `{};,=`
  std::size_t at = 0;     ///< where in the file

  [[nodiscard]] bool is(std::string_view what) const {
    return (kind == Kind::word || kind == Kind::mark) && text == what;
  }
  [[nodiscard]] bool is_name() const { return kind == Kind::word || kind == Kind::quoted; }
};

using Statement = std::vector<Token>;

/// The text cut into tokens. nft knows no escapes inside its quotes.
std::vector<Token> tokens_of(std::string_view text) {
  constexpr std::string_view marks = "{};,=";
  constexpr std::string_view ends_word = " \t\r\n{};,=\"";
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char c = text[at];
    const auto upto = [&](std::size_t end, Token::Kind kind) {
      at = std::min(end, text.size());
      tokens.push_back({kind, text.substr(begin, at - begin), begin});
    };
    if (c == '\n') {
      upto(at + 1, Token::Kind::line_end);
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '#') {
      upto(text.find('\n', at), Token::Kind::remark);
    } else if (c == '"') {
      upto(text.find_first_of("\"\n", at + 1), Token::Kind::quoted);
      tokens.back().text.remove_prefix(1);
      if (at < text.size() && text[at] == '"') ++at;
    } else if (marks.find(c) != std::string_view::npos) {
      upto(at + 1, Token::Kind::mark);
    } else {
      upto(text.find_first_of(ends_word, at), Token::Kind::word);
    }
  }
  tokens.push_back({Token::Kind::text_end, {}, text.size()});
  return tokens;
}

bool is_one_of(const Token& token, std::span<const std::string_view> words) {
  return token.kind == Token::Kind::word && std::ranges::find(words, token.text) != words.end();
}

bool needs_conntrack(const Statement& rule) {
  static constexpr std::array<std::string_view, 6> words = {"ct",   "masquerade", "snat",
                                                            "dnat", "redirect",   "flow"};
  return std::ranges::any_of(rule, [](const Token& token) { return is_one_of(token, words); });
}

/// What a rule, or the elements of a map, may do. The verdicts of a map stand among its words.
Effect effect_of(const Statement& rule) {
  static constexpr std::array<std::string_view, 16> harmful = {
      "drop", "reject", "queue",   "dnat",   "snat",     "masquerade", "redirect", "dup",
      "fwd",  "flow",   "notrack", "tproxy", "synproxy", "secmark",    "reset",    "offload"};
  Effect effect;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const Token& token = rule[i];
    const Token none;
    const Token& before = i == 0 ? none : rule[i - 1];
    const Token& after = i + 1 == rule.size() ? none : rule[i + 1];
    // What nft cannot print it leaves out, with a remark.
    const bool is_handle = token.text.starts_with("# handle ");
    if (token.kind == Token::Kind::remark && !is_handle) effect.harmless = false;
    if (is_one_of(token, harmful)) effect.harmless = false;
    if (token.is("xt") && !after.is("match")) effect.harmless = false;
    // Setting these of a packet does not change its way.
    if (token.is("set") && !before.is("nftrace") && !before.is("priority")) effect.harmless = false;
    if (token.is("jump") || token.is("goto")) effect.chains.emplace_back(after.text);
    if (token.is("vmap") && after.text.starts_with('@'))
      effect.maps.emplace_back(after.text.substr(1));
  }
  return effect;
}

/// `filter`, `srcnat`, as each family has them.
std::optional<std::int32_t> named_priority(std::string_view family, std::string_view name) {
  constexpr std::pair<std::string_view, std::int32_t> ip[] = {
      {"raw", -300}, {"mangle", -150},  {"dstnat", -100},
      {"filter", 0}, {"security", 50}, {"srcnat", 100}};
  constexpr std::pair<std::string_view, std::int32_t> bridge[] = {
      {"dstnat", -300}, {"filter", -200}, {"out", 100}, {"srcnat", 300}};
  const auto find = [&](const auto& list) -> std::optional<std::int32_t> {
    for (const auto& [known, value] : list)
      if (known == name) return value;
    return std::nullopt;
  };
  return family == "bridge" ? find(bridge) : find(ip);
}

class NftTextReader {
 public:
  NftTextReader(const File& file, Host& host, const DeviceBook& book)
      : file_(file), host_(host), book_(book), tokens_(tokens_of(file.text)) {}

  Result<void> read() {
    while (!error_ && peek().kind != Token::Kind::text_end) read_top();
    if (error_) return *error_;
    for (const auto& key : dormant_) tables_.erase(key);
    nft_model::add_base_chains(tables_, host_, book_);
    for (const Flowtable& f : flowtables_)
      if (!dormant_.contains({f.family, f.table}))
        nft_model::add_flowtable(f.family, f.table, f.name, f.devices, host_, book_);
    return {};
  }

 private:
  struct Flowtable {
    std::string family, table, name;
    std::vector<std::string> devices;
  };

  [[nodiscard]] const Token& peek() const { return tokens_[next_]; }
  const Token& take() {
    const Token& token = tokens_[next_];
    if (token.kind != Token::Kind::text_end) ++next_;
    return token;
  }
  void fail(const Token& at, std::string message) {
    if (!error_) error_ = file_.error_at(at.at, std::move(message));
  }
  void skip_to_line_end() {
    while (peek().kind != Token::Kind::line_end && peek().kind != Token::Kind::text_end) take();
  }

  /// The tokens up to the end of a line, a `;`, a closing brace or the brace of a block; what
  /// stands in braces of its own belongs to it, over any number of lines.
  Statement statement(bool stops_at_block) {
    Statement result;
    int depth = 0;
    for (;;) {
      const Token& token = peek();
      if (token.kind == Token::Kind::text_end) {
        fail(token, depth > 0 ? "the listing ends inside of braces" : "the listing ends too early");
        return result;
      }
      if (depth == 0 && (token.is("}") || (token.is("{") && stops_at_block))) return result;
      take();
      if (depth == 0 && (token.kind == Token::Kind::line_end || token.is(";"))) return result;
      if (token.is("{")) ++depth;
      if (token.is("}")) --depth;
      if (token.kind != Token::Kind::line_end) result.push_back(token);
    }
  }

  void read_top() {
    const Token& first = take();
    if (first.kind == Token::Kind::line_end || first.kind == Token::Kind::remark ||
        first.is(";"))
      return;
    const std::size_t end = file_.text.find('\n', first.at);
    const std::string_view line = std::string_view(file_.text).substr(first.at, end - first.at);
    if (is_prompt(line) || line.starts_with("flush ruleset")) return skip_to_line_end();
    if (!first.is("table")) return fail(first, "expected a line like \"table inet filter {\"");
    std::vector<std::string> names;
    while (peek().is_name()) names.emplace_back(take().text);
    if (names.size() == 1) names.insert(names.begin(), "ip");
    if (names.size() != 2 || !peek().is("{"))
      return fail(first, "expected a line like \"table inet filter {\"");
    take();
    family_ = names[0];
    table_ = names[1];
    concerns_ = family_ != "ip6" && (family_ != "ip" || !is_table_of_iptables(table_, host_));
    read_table();
  }

  void read_table() {
    while (!error_) {
      const Statement head = statement(true);
      if (error_) return;
      if (peek().is("{") && !head.empty()) {
        take();
        read_block(head);
      } else if (peek().is("}")) {
        take();
        return;
      } else if (!head.empty() && head[0].is("flags")) {
        const bool dormant =
            std::ranges::any_of(head, [](const Token& token) { return token.is("dormant"); });
        if (dormant) dormant_.insert({family_, table_});
      } else if (!head.empty() && !head[0].is("comment") &&
                 head[0].kind != Token::Kind::remark) {
        fail(head[0], fmt::format("unexpected \"{}\" in a table", escaped(head[0].text)));
      }
    }
  }

  /// `chain NAME {`, `set NAME {`, …: what stands in it.
  void read_block(const Statement& head) {
    std::vector<Statement> content;
    while (!error_ && !peek().is("}"))
      if (Statement s = statement(false); !s.empty()) content.push_back(std::move(s));
    take();
    if (error_ || !concerns_ || head.size() < 2 || !head[1].is_name()) return;
    const std::string name(head[1].text);
    if (head[0].is("chain")) read_chain(name, content);
    if (head[0].is("map")) read_map(name, content);
    if (head[0].is("flowtable")) read_flowtable(name, content);
  }

  void read_chain(const std::string& name, const std::vector<Statement>& content) {
    nft_model::Chain& chain = tables_[{family_, table_}].chains[name];
    for (const Statement& s : content) {
      const bool is_remark = s.size() == 1 && s[0].kind == Token::Kind::remark;
      const bool is_comment = s.size() == 2 && s[0].is("comment");
      if (is_remark || is_comment) continue;
      if (s[0].is("type")) {
        read_hook(name, s, chain.base);
      } else if (s[0].is("policy")) {
        chain.base.drops = s.size() > 1 && s[1].is("drop");
      } else {
        chain.rules.push_back(effect_of(s));
        if (needs_conntrack(s)) host_.conntrack_needed_by_nft = true;
      }
    }
  }

  /// `type filter hook ingress devices = { "a", "b" } priority filter + 10`
  void read_hook(const std::string& name, const Statement& s, NftBaseChain& base) {
    base.family = family_;
    base.table = table_;
    base.name = name;
    const auto at = [&](std::size_t i) { return i < s.size() ? s[i] : Token{}; };
    base.type = at(1).text;
    std::size_t i = 2;
    if (!at(i++).is("hook") || !at(i).is_name())
      return fail(s[0], "expected \"type … hook … priority …\"");
    base.hook = at(i++).text;
    if (at(i).is("device") || at(i).is("devices"))
      for (++i; i < s.size() && !s[i].is("priority"); ++i)
        if (s[i].is_name()) base.devices.emplace_back(s[i].text);
    if (!at(i++).is("priority")) return fail(s[0], "expected \"type … hook … priority …\"");
    std::string text;
    for (; i < s.size() && s[i].kind == Token::Kind::word; ++i) text += s[i].text;
    const auto priority = priority_of(text);
    if (!priority) return fail(s[0], fmt::format("unknown priority \"{}\"", escaped(text)));
    base.priority = *priority;
  }

  /// `filter`, `filter+10`, `-150`
  [[nodiscard]] std::optional<std::int32_t> priority_of(std::string_view text) const {
    if (const auto value = number<std::int32_t>(text)) return value;
    const std::size_t sign = text.find_first_of("+-");
    const auto base = named_priority(family_, text.substr(0, sign));
    if (!base || sign == std::string_view::npos) return base;
    const auto offset = number<std::int32_t>(text.substr(sign + 1));
    if (!offset || *offset > 1'000'000) return std::nullopt;
    return text[sign] == '+' ? *base + *offset : *base - *offset;
  }

  void read_map(const std::string& name, const std::vector<Statement>& content) {
    const bool of_verdicts = std::ranges::any_of(content, [](const Statement& s) {
      return s[0].text.starts_with("type") && s.back().is("verdict");
    });
    if (!of_verdicts) return;
    Effect& effect = tables_[{family_, table_}].verdict_maps[name];
    for (const Statement& s : content)
      if (s[0].is("elements")) effect = effect_of(s);
  }

  void read_flowtable(const std::string& name, const std::vector<Statement>& content) {
    Flowtable result{family_, table_, name, {}};
    for (const Statement& s : content)
      for (std::size_t i = 1; s[0].is("devices") && i < s.size(); ++i)
        if (s[i].is_name()) result.devices.emplace_back(s[i].text);
    flowtables_.push_back(std::move(result));
  }

  const File& file_;
  Host& host_;
  const DeviceBook& book_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  std::string family_, table_;
  bool concerns_ = false;  ///< the table that is being read may see IPv4, and was not read before
  nft_model::Tables tables_;
  std::vector<Flowtable> flowtables_;
  std::set<std::pair<std::string, std::string>> dormant_;  ///< family and table
  std::optional<Error> error_;
};

}  // namespace

NftPlain read_nft_plain(const File& listing) {
  NftPlain result;
  std::string table, chain;
  for_each_line(listing.text, [&](std::string_view line, std::size_t) {
    const std::vector<std::string_view> words = split(line, punctuation);
    if (words.size() == 3 && words[0] == "table") {
      table = fmt::format("{} {}", words[1], words[2]);
      chain.clear();
    }
    if (words.size() == 2 && words[0] == "chain") chain = words[1];
    if (words.size() >= 2 && words[0] == "flags" && chain.empty() &&
        std::ranges::find(words, "dormant") != words.end())
      result.dormant_tables.insert(table);
    if (words.size() < 2 || words[0] != "type") return true;
    const auto first = std::ranges::find_if(
        words, [](std::string_view word) { return word == "device" || word == "devices"; });
    const auto last = std::ranges::find(words, "priority");
    if (first != words.end() && first < last)
      result.chain_devices[table + " " + chain].assign(first + 1, last);
    return true;
  });
  return result;
}

Result<void> read_nft_text(const File& file, Host& host, const DeviceBook& book) {
  return NftTextReader(file, host, book).read();
}

}  // namespace wayout::host
