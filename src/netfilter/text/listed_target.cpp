// Listed text of the targets that we model.
#include <fmt/format.h>

#include "netfilter/text/listed.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

using Out = Listed::Words;

/// `LOG flags 8 level 4 prefix "text"`, without -n `LOG level debug uid prefix "text"`.
bool log_text(ListedWords& words, Out& out) {
  if (!words.take("LOG")) return false;
  constexpr std::pair<unsigned, std::string_view> flags[] = {{0x01, "--log-tcp-sequence"},
                                                             {0x02, "--log-tcp-options"},
                                                             {0x04, "--log-ip-options"},
                                                             {0x08, "--log-uid"},
                                                             {0x20, "--log-macdecode"}};
  while (!words.at_end()) {
    std::string_view prefix;
    if (words.take("flags")) {
      const auto bits = parse_number(words.next(), 0xff).value_or(0);
      for (const auto& [bit, option] : flags) {
        if ((bits & bit) != 0) out.emplace_back(option);
      }
    } else if (words.take("level")) {
      emit(out, {"--log-level", words.next()});
    } else if (words.take("tcp-sequence")) {
      out.emplace_back("--log-tcp-sequence");
    } else if (words.take("tcp-options")) {
      out.emplace_back("--log-tcp-options");
    } else if (words.take("ip-options")) {
      out.emplace_back("--log-ip-options");
    } else if (words.take("uid")) {
      out.emplace_back("--log-uid");
    } else if (words.take("macdecode")) {
      out.emplace_back("--log-macdecode");
    } else if (words.take("prefix")) {
      const std::size_t last = words.rest().rfind('"');
      prefix = words.rest().substr(0, last);
      if (!prefix.starts_with('"')) return true;
      emit(out, {"--log-prefix", prefix.substr(1)});
      words.restore(words.rest().substr(last + 1));
      return true;
    } else {
      return true;
    }
  }
  return true;
}

/// `MARK or 0x10`, `CONNMARK xset 0x1/0xff`, `CONNMARK save mask 0xff`,
/// `CONNMARK restore ctmask 0xf0 nfmask ~0xff`
bool mark_text(std::string_view target, ListedWords& words, Out& out) {
  if (!words.take(target)) return false;
  const std::string_view operation = words.next();
  const bool moves = operation == "save" || operation == "restore";
  out.push_back(operation == "xset" ? "--set-xmark" : fmt::format("--{}-mark", operation));
  if (!moves) out.emplace_back(words.next());
  std::string_view value;
  while (true) {
    const std::string_view option = words.peek();
    if (option != "mask" && option != "nfmask" && option != "ctmask" &&
        option != "left-shift-mark" && option != "right-shift-mark") {
      return true;
    }
    words.next();
    value = words.next();
    if (value.starts_with('~')) value.remove_prefix(1);
    emit(out, {fmt::format("--{}", option), value});
  }
}

/// `to:10.0.0.2:80 random persistent`, `masq ports: 1-2 random`, `redir ports 80`
bool nat_text(std::string_view target, ListedWords& words, Out& out) {
  const std::string_view option = target == "DNAT"     ? "--to-destination"
                                  : target == "SNAT"   ? "--to-source"
                                  : target == "NETMAP" ? "--to"
                                                       : "--to-ports";
  std::string_view value;
  if (words.take_prefixed("to:", value)) {
    emit(out, {option, value});
  } else if (words.take("masq ports:") || words.take("redir ports")) {
    emit(out, {option, words.next()});
  } else if (words.take("random")) {
    out.emplace_back("--random");
  } else if (words.take("random-fully")) {
    out.emplace_back("--random-fully");
  } else if (words.take("persistent")) {
    out.emplace_back("--persistent");
  } else {
    return false;
  }
  return true;
}

/// `CT notrack zone 5`
bool ct_text(ListedWords& words, Out& out) {
  if (!words.take("CT")) return false;
  while (!words.at_end()) {
    const std::string_view option = words.next();
    out.push_back(fmt::format("--{}", option));
    if (option != "notrack") out.emplace_back(words.next());
  }
  return true;
}

bool tcpmss_text(ListedWords& words, Out& out) {
  if (words.take("TCPMSS clamp to PMTU")) {
    out.emplace_back("--clamp-mss-to-pmtu");
  } else if (words.take("TCPMSS set")) {
    emit(out, {"--set-mss", words.next()});
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool listed_target(std::string_view target, ListedWords& words, Out& out) {
  if (target == "REJECT" && words.take("reject-with")) {
    emit(out, {"--reject-with", words.next()});
    return true;
  }
  if (target == "LOG") return log_text(words, out);
  if (target == "MARK" || target == "CONNMARK") return mark_text(target, words, out);
  if (target == "CT") return ct_text(words, out);
  if (target == "TCPMSS") return tcpmss_text(words, out);
  const bool translates = target == "DNAT" || target == "SNAT" || target == "MASQUERADE" ||
                          target == "REDIRECT" || target == "NETMAP";
  return translates && nat_text(target, words, out);
}

}  // namespace wayout::netfilter::text
