// Questions for the tests of this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/test_machine.hpp"
#include "why/answer.hpp"
#include "why/words.hpp"

namespace wayout::why {

/// Can `from` reach TCP (or the probe's) port `dport` of `to`?
inline Question ask(const host::Machine& machine, std::string_view from, std::string_view to,
                    std::uint16_t dport = 80, Probe probe = Probe::tcp) {
  Question question;
  question.from = host::position(machine, from);
  question.to = *wire::IpAddress::parse(to);
  question.dport = dport;
  question.probe = probe;
  return question;
}

/// How an account ended: `out host ip_error IP_INADDRERRORS: net.ipv4.ip_forward = 0`,
/// `delivered`, or `undecided: …` with what is not known.
inline std::string outcome(const host::Machine& machine, const Account& account) {
  if (account.verdict == Verdict::delivered) return "delivered";
  if (account.verdict == Verdict::undecided) {
    std::string text = "undecided:";
    for (const Unknown& u : account.unknown)
      text += fmt::format(" {}: {}", machine.hosts[u.host].name,
                          unknown_line(machine.hosts[u.host], u.what));
    return text;
  }
  return fmt::format("{} {} {} {}: {}", account.direction == Way::out ? "out" : "back",
                     account.ended_outside ? "outside" : machine.hosts[account.end.host].name,
                     stage_name(account.end.stop.stage), reason_name(account.end.stop.reason),
                     cause_line(machine.hosts[account.end.cause_host], account.end.stop.cause));
}

/// `host# sysctl -w net.ipv4.ip_forward=1`, one string a fix, its commands joined by `; `.
inline std::vector<std::string> commands(const host::Machine& machine,
                                         const std::vector<Fix>& fixes) {
  std::vector<std::string> told;
  for (const Fix& fix : fixes) {
    std::string text;
    for (const Change& change : fix.changes)
      text += fmt::format("{}{}# {}", text.empty() ? "" : "; ", machine.hosts[change.host].name,
                          change.command);
    told.push_back(std::move(text));
  }
  return told;
}

}  // namespace wayout::why
