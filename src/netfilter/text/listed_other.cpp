// Listed text of the other matches that we model.
#include <algorithm>
#include <iterator>

#include "netfilter/text/listed.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

using Out = Listed::Words;

/// `/* text */`
bool comment_match(ListedWords& words, Out& out) {
  const std::string_view before = words.rest();
  std::string_view text;
  if (!before.starts_with("/*") || !words.take_until(" */", text)) {
    words.restore(before);
    return false;
  }
  text.remove_prefix(std::min<std::size_t>(text.size(), 3));
  emit(out, {"-m", "comment", "--comment", text});
  return true;
}

bool addrtype_match(ListedWords& words, Out& out) {
  if (!words.take("ADDRTYPE match")) return false;
  emit(out, {"-m", "addrtype"});
  while (true) {
    const std::string_view option = words.peek();
    if (option == "src-type" || option == "dst-type") {
      words.next();
      std::string_view types = words.next();
      emit_negation(out, types);
      emit(out, {option == "src-type" ? "--src-type" : "--dst-type", types});
    } else if (words.take("limit-in")) {
      out.emplace_back("--limit-iface-in");
    } else if (words.take("limit-out")) {
      out.emplace_back("--limit-iface-out");
    } else {
      return true;
    }
  }
}

bool limit_match(ListedWords& words, Out& out) {
  if (!words.take("limit: avg")) return false;
  emit(out, {"-m", "limit", "--limit", words.next()});
  if (words.take("burst")) emit(out, {"--limit-burst", words.next()});
  return true;
}

/// `! match-set name src,dst return-nomatch packets-eq 5 …`
bool set_match(ListedWords& words, Out& out) {
  constexpr std::string_view flags[] = {"return-nomatch", "update-counters", "update-subcounters"};
  constexpr std::string_view numbers[] = {"packets-eq", "packets-lt", "packets-gt",
                                          "bytes-eq",   "bytes-lt",   "bytes-gt"};
  bool inverted = false;
  if (!words.take_inverted("match-set", inverted)) return false;
  emit(out, {"-m", "set"});
  if (inverted) out.emplace_back("!");
  const std::string_view name = words.next();
  emit(out, {"--match-set", name, words.next()});
  const auto is_flag = [&](std::string_view word) { return std::ranges::count(flags, word) != 0; };
  const auto is_known = [&](std::string_view word) {
    return is_flag(word) || std::ranges::count(numbers, word) != 0;
  };
  std::string_view option;
  while (words.take_option(is_known, inverted, option)) {
    if (inverted) out.emplace_back("!");
    out.push_back("--" + std::string(option));
    if (!is_flag(option)) out.emplace_back(words.next());
  }
  return true;
}

/// `recent: UPDATE seconds: 60 hit_count: 4 name: X side: source mask: 255.255.255.255`
bool recent_match(ListedWords& words, Out& out) {
  bool inverted = false;
  if (!words.take_inverted("recent:", inverted)) return false;
  emit(out, {"-m", "recent"});
  if (inverted) out.emplace_back("!");
  std::string_view name;
  while (!words.at_end()) {
    if (words.take("SET")) {
      out.emplace_back("--set");
    } else if (words.take("CHECK")) {
      out.emplace_back("--rcheck");
    } else if (words.take("UPDATE")) {
      out.emplace_back("--update");
    } else if (words.take("REMOVE")) {
      out.emplace_back("--remove");
    } else if (words.take("seconds:")) {
      emit(out, {"--seconds", words.next()});
    } else if (words.take("hit_count:")) {
      emit(out, {"--hitcount", words.next()});
    } else if (words.take("reap")) {
      out.emplace_back("--reap");
    } else if (words.take("TTL-Match")) {
      out.emplace_back("--rttl");
    } else if (words.take("name:") && words.take_until(" side:", name)) {
      emit(out, {"--name", name, words.next() == "dest" ? "--rdest" : "--rsource"});
    } else if (words.take("mask:")) {
      emit(out, {"--mask", words.next()});
    } else {
      return true;
    }
  }
  return true;
}

/// `owner UID match 0 ! owner GID match 5 incl. suppl. groups`. Names of users are of another
/// machine: such text is not ours to read.
bool owner_match(ListedWords& words, Out& out) {
  Out taken;
  std::string_view before = words.rest();
  while (true) {
    const bool inverted = words.take("!");
    const char* option = words.take("owner UID match")       ? "--uid-owner"
                         : words.take("owner GID match")     ? "--gid-owner"
                         : words.take("owner socket exists") ? "--socket-exists"
                                                             : nullptr;
    const bool named = option != nullptr && option[2] != 's' && words.peek() != "root" &&
                       words.peek().find_first_not_of("0123456789-") != std::string_view::npos;
    if (option == nullptr || named ||
        std::find(taken.begin(), taken.end(), option) != taken.end()) {
      words.restore(before);
      break;
    }
    if (inverted) taken.emplace_back("!");
    taken.emplace_back(option);
    if (option[2] != 's') taken.emplace_back(words.next());
    if (words.take("incl. suppl. groups")) taken.emplace_back("--suppl-groups");
    before = words.rest();
  }
  if (taken.empty()) return false;
  emit(out, {"-m", "owner"});
  out.insert(out.end(), taken.begin(), taken.end());
  return true;
}

bool iprange_match(ListedWords& words, Out& out) {
  Out taken;
  while (true) {
    const char* option = words.take("source IP range")        ? "--src-range"
                         : words.take("destination IP range") ? "--dst-range"
                                                              : nullptr;
    if (option == nullptr) break;
    if (words.take("!")) taken.emplace_back("!");
    taken.emplace_back(option);
    taken.emplace_back(words.next());
  }
  if (taken.empty()) return false;
  emit(out, {"-m", "iprange"});
  out.insert(out.end(), taken.begin(), taken.end());
  return true;
}

bool mac_match(ListedWords& words, Out& out) {
  if (!words.take("MAC")) return false;
  emit(out, {"-m", "mac"});
  if (words.take("!")) out.emplace_back("!");
  emit(out, {"--mac-source", words.next()});
  return true;
}

/// `PHYSDEV match` and then the options as they are given.
bool physdev_match(ListedWords& words, Out& out) {
  if (!words.take("PHYSDEV match")) return false;
  emit(out, {"-m", "physdev"});
  const auto is_known = [](std::string_view word) { return word.starts_with("--physdev-"); };
  bool inverted = false;
  std::string_view option;
  while (words.take_option(is_known, inverted, option)) {
    if (inverted) out.emplace_back("!");
    out.emplace_back(option);
    if (option == "--physdev-in" || option == "--physdev-out") out.emplace_back(words.next());
  }
  return true;
}

}  // namespace

bool listed_other_match(ListedWords& words, Out& out) {
  return comment_match(words, out) || addrtype_match(words, out) || limit_match(words, out) ||
         set_match(words, out) || recent_match(words, out) || owner_match(words, out) ||
         iprange_match(words, out) || mac_match(words, out) || physdev_match(words, out);
}

}  // namespace wayout::netfilter::text
