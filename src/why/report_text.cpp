#include <algorithm>

#include <fmt/format.h>

#include "host/escape.hpp"
#include "why/headline.hpp"
#include "why/report.hpp"
#include "why/story.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

using host::escaped;

class Report {
 public:
  Report(const host::Machine& machine, const Answer& answer, const Style& style)
      : machine_(machine), answer_(answer), a_(answer.account), style_(style) {}

  std::string write() {
    heading();
    legs();
    cause();
    fixes();
    list("look next", next_places());
    list("assumed", a_.assumed);
    return std::move(out_);
  }

 private:
  void heading();
  void legs();
  void cause();
  void fixes();
  void changes(const std::vector<Change>& changes);
  void list(const char* title, const std::vector<std::string>& lines);
  [[nodiscard]] std::vector<std::string> next_places() const;
  [[nodiscard]] std::string colour(const char* code, const std::string& text) const {
    return style_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
  [[nodiscard]] std::string name(std::uint32_t host) const {
    return escaped(machine_.hosts[host].name);
  }
  [[nodiscard]] std::string asked() const {
    const Question& q = answer_.question;
    return q.probe == Probe::icmp
               ? fmt::format("{} (icmp)", q.to.text())
               : fmt::format("{}:{} ({})", q.to.text(), q.dport, probe_name(q.probe));
  }

  const host::Machine& machine_;
  const Answer& answer_;
  const Account& a_;
  const Style& style_;
  std::string out_;
};

void Report::heading() {
  const std::string from = name(answer_.question.from);
  std::string text;
  switch (a_.verdict) {
    case Verdict::delivered:
      text = fmt::format("{} {} reaches {} and the answer comes back", colour("1;32", "delivered:"),
                         from, asked());
      break;
    case Verdict::dropped:
      text = fmt::format("{} {} {} {}: {}", colour("1;31", "dropped:"), from,
                         a_.direction == Way::out ? "does not reach" : "gets no answer from", asked(),
                         escaped(what_ended(machine_, a_)));
      break;
    case Verdict::undecided: {
      std::string why = a_.circles ? "frames go in circles and never come to rest" : "";
      if (!a_.unknown.empty()) {
        const Unknown& u = a_.unknown.front();
        why = fmt::format("{}, in {}", escaped(unknown_line(machine_.hosts[u.host], u.what)),
                          name(u.host));
      } else if (!a_.circles) {
        why = escaped(what_ended(machine_, a_));
      }
      text = fmt::format("{} whether {} reaches {}, because of {}", colour("1;33", "undecided:"),
                         from, asked(), why);
      break;
    }
  }
  out_ += text + "\n";
}

void Report::legs() {
  std::vector<std::vector<StoryLine>> stories;
  std::size_t host_width = 0, device_width = 0, stage_width = 0, did_width = 0;
  for (const Leg& leg : a_.legs) {
    stories.push_back(story(machine_, a_, leg, style_.explain));
    for (const StoryLine& l : stories.back()) {
      host_width = std::max(host_width, name(l.host).size());
      device_width = std::max(device_width, escaped(l.device).size());
      stage_width = std::max(stage_width, l.stage.size());
      did_width = std::max(did_width, l.did.size());
    }
  }
  // After the first exchange only what ended the conversation is news.
  for (std::size_t i = 0; i < stories.size(); ++i) {
    const bool last = i + 1 == stories.size();
    if (i >= 2 && !style_.explain && !(last && a_.verdict != Verdict::delivered)) continue;
    out_ += fmt::format("\n{} {}\n", a_.legs[i].way == Way::out ? "out: " : "back:", a_.legs[i].text);
    for (const StoryLine& l : stories[i]) {
      std::string line = fmt::format("  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}", name(l.host), host_width,
                                     escaped(l.device), device_width, l.stage, stage_width, l.did,
                                     did_width, escaped(l.text));
      if (!l.line.empty()) line += fmt::format("  [{}]", escaped(l.line));
      out_ += (l.ended ? colour("31", line) : line) + "\n";
    }
  }
}

/// Behind a cause that nobody has read: which listing would show it.
std::string what_is_assumed(const host::Host& host, const Cause& cause) {
  if (cause.kind() == CauseKind::sysctl) {
    const std::string line = cause_line(host, cause);
    const bool forwarding = cause.sysctl() == Sysctl::forwarding;
    if (host.sysctls.contains(line.substr(0, line.find(" = "))) ||
        (forwarding && host.sysctls.contains("net.ipv4.ip_forward")))
      return "";
    return " (assumed: no sysctl.txt shows it)";
  }
  const bool of_routes = cause.kind() == CauseKind::no_route || cause.kind() == CauseKind::route;
  return of_routes && host.routes_assumed ? " (assumed: there is no ip-route.json)" : "";
}

void Report::cause() {
  if (a_.verdict == Verdict::undecided) {
    if (a_.unknown.size() > 1) out_ += "\n";
    for (const Unknown& u : a_.unknown)
      out_ += fmt::format("unknown  {}: {}\n", name(u.host),
                          escaped(unknown_line(machine_.hosts[u.host], u.what)));
    return;
  }
  if (a_.verdict == Verdict::dropped) {
    const host::Host& host = machine_.hosts[a_.end.cause_host];
    out_ += fmt::format("\ncause    {}: {}{}\n", name(a_.end.cause_host),
                        escaped(cause_line(host, a_.end.stop.cause)),
                        what_is_assumed(host, a_.end.stop.cause));
    out_ += fmt::format("ended    in {}, {}{}\n",
                        a_.ended_outside ? "the outside" : name(a_.end.host),
                        stage_name(a_.end.stop.stage),
                        a_.end.stop.reason == DropReason::none
                            ? ""
                            : fmt::format(" ({})", reason_name(a_.end.stop.reason)));
    const std::string told = what_sender_sees(machine_, a_, answer_.question);
    out_ += fmt::format("told     {}\n", told.empty() ? "nothing: the sender waits" : told);
  }
  for (const Remark& r : answer_.remarks)
    out_ += fmt::format("note     {}: {} {}\n", name(r.host), escaped(r.line), escaped(r.text));
}

std::string tried(const Fix& fix) {
  if (fix.refused_in)
    return "tried: it gets there, and the refusal comes back (nothing listens there)";
  return "tried: it gets there and the answer comes back";
}

void Report::changes(const std::vector<Change>& changes) {
  for (const Change& c : changes)
    out_ += colour("1", fmt::format("         {}# {}", shell_word(machine_.hosts[c.host].name),
                                     escaped(c.command))) + "\n";
  std::vector<std::string> said;
  for (const Change& c : changes) {
    if (c.lasting.empty() || std::find(said.begin(), said.end(), c.lasting) != said.end()) continue;
    said.push_back(c.lasting);
    out_ += fmt::format("         to keep it: {}\n", escaped(c.lasting));
  }
}

void Report::fixes() {
  int number = 0;
  for (const Fix& fix : answer_.fixes) {
    out_ += fmt::format("\nfix {}    {}\n", ++number, tried(fix));
    changes(fix.changes);
  }
  if (answer_.progress) {
    out_ += fmt::format("\nfurther  tried: no fix yet, but a part of one; then {}\n",
                        escaped(answer_.progress->then));
    changes(answer_.progress->changes);
  } else if (a_.verdict == Verdict::dropped && answer_.fixes.empty() &&
      a_.end.stop.cause.kind() != CauseKind::socket)
    out_ += "\nfix      none of the changes tried gets it through\n";
}

std::vector<std::string> Report::next_places() const {
  if (a_.verdict != Verdict::delivered || !a_.uplink) return {};
  const host::Host& host = machine_.hosts[a_.uplink->host];
  const std::string device = escaped(host.devices[a_.uplink->device].name);
  const bool all_read = std::ranges::all_of(
      machine_.hosts, [](const host::Host& known) { return known.assumed.empty(); });
  return {fmt::format("{}; if it still fails, look beyond {} of {}: "
                      "a firewall upstream, a cloud's source check, the far host itself",
                      all_read ? "everything on this machine is right"
                               : "nothing that was read of this machine is wrong (see what is assumed)",
                      device, name(a_.uplink->host)),
          fmt::format("tcpdump -ni {} host {}", shell_word(host.devices[a_.uplink->device].name),
                      answer_.question.to.text())};
}

void Report::list(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out_ += "\n";
  for (const std::string& line : lines) out_ += fmt::format("{}  {}\n", title, escaped(line));
}

}  // namespace

std::string report_text(const host::Machine& machine, const Answer& answer, const Style& style) {
  return Report(machine, answer, style).write();
}

}  // namespace wayout::why
