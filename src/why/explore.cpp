// Every outcome of what is not known, one run of the conversation each.
#include <fmt/format.h>

#include <optional>
#include <string>

#include "why/conversation.hpp"

namespace wayout::why {
namespace {

/// By their verdicts; by what one would do about it; and by the source that the far end saw, when a
/// thing that always does the same decides it. (Of several good ways a packet may take any.)
bool differ(const Account& first, const Account& other, const Choice& choice) {
  if (other.verdict != first.verdict) return true;
  if (first.verdict == Verdict::dropped &&
      (other.direction != first.direction ||
       other.end.stop.cause.kind() != first.end.stop.cause.kind()))
    return true;
  const CauseKind asked_by = choice.asked_by.kind();
  const bool always_the_same = asked_by == CauseKind::unmodelled ||
                               asked_by == CauseKind::conntrack ||
                               choice.asked_by == Cause::socket(SocketCause::connects);
  return always_the_same && first.seen && other.seen &&
         first.seen->source != other.seen->source;
}

/// What the choice depends on: who asked, and who took the port that it was about.
void name_unknown(const Choice& choice, std::vector<Unknown>& unknown) {
  const Unknown asked{choice.host, choice.asked_by};
  const Unknown taken{choice.unknown_host, choice.unknown_by};
  const bool about_port = choice.unknown_by != Cause{};
  const bool by_socket = choice.unknown_by.kind() == CauseKind::socket;
  if (about_port && !by_socket) unknown.push_back(taken);
  unknown.push_back(asked);
  if (about_port && by_socket) unknown.push_back(taken);
}

/// The next script in depth-first order, or none when all outcomes were followed.
std::optional<std::vector<std::uint32_t>> next_script(const std::vector<Choice>& asked) {
  std::vector<std::uint32_t> script;
  for (const Choice& c : asked) script.push_back(c.taken);
  for (std::size_t i = asked.size(); i-- > 0;) {
    if (script[i] + 1 < asked[i].options) {
      ++script[i];
      script.resize(i + 1);
      return script;
    }
  }
  return std::nullopt;
}

Account explore_as_asked(const host::Machine& machine, const Question& question) {
  constexpr int most_runs = 64;
  Account first = converse(machine, question);
  auto script = next_script(first.choices);
  for (int runs = 1; script && runs < most_runs; ++runs) {
    const Account other = converse(machine, question, *script);
    const Choice& choice = other.choices[script->size() - 1];
    if (differ(first, other, choice)) {
      first.verdict = Verdict::undecided;
      name_unknown(choice, first.unknown);
      return first;
    }
    script = next_script(other.choices);
  }
  if (script) {  // too many outcomes to follow: the first question not exhausted is named
    first.verdict = Verdict::undecided;
    name_unknown(first.choices.front(), first.unknown);
  }
  return first;
}

/// TCP sets DF to learn the MTU of the way, unless its namespace turns that off.
/// Linux: net/ipv4/af_inet.c inet_create; net/ipv4/ip_output.c __ip_queue_xmit.
bool tcp_learns_mtu(const host::Host& sender, const Question& question) {
  const auto off = sender.sysctls.find("net.ipv4.ip_no_pmtu_disc");
  return question.probe == Probe::tcp && question.size_bytes != 0 && !question.dont_fragment &&
         (off == sender.sysctls.end() || off->second == "0");
}

/// Who sent what is too big hears of it. Of an answer's sender that is taken for granted.
bool is_told_of_mtu(const Account& account) {
  constexpr std::uint8_t fragmentation_needed = 4;
  return account.verdict == Verdict::dropped &&
         account.end.stop.reason == DropReason::PKT_TOO_BIG &&
         (account.direction == Way::back || account.told_code == fragmentation_needed);
}

}  // namespace

Account explore(const host::Machine& machine, const Question& question) {
  if (!tcp_learns_mtu(machine.hosts[question.from], question))
    return explore_as_asked(machine, question);
  Question with_df = question;
  with_df.dont_fragment = true;
  Account account = explore_as_asked(machine, with_df);
  if (!is_told_of_mtu(account)) return account;
  Question smaller = with_df;
  smaller.size_bytes = 0;
  const std::string text = fmt::format(
      "TCP, told that {} bytes are too many for {}, goes on with smaller segments",
      question.size_bytes, machine.hosts[account.end.host].name);
  account = explore_as_asked(machine, smaller);
  account.assumed.push_back(text);
  return account;
}

}  // namespace wayout::why