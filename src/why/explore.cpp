// Every outcome of what is not known, one run of the conversation each.
#include <optional>

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

}  // namespace

Account explore(const host::Machine& machine, const Question& question) {
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

}  // namespace wayout::why
