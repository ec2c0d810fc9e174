#include <nlohmann/json.hpp>

#include "why/headline.hpp"
#include "why/json.hpp"
#include "why/report.hpp"
#include "why/story.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

using Json = nlohmann::ordered_json;

const char* verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::delivered: return "delivered";
    case Verdict::dropped: return "dropped";
    case Verdict::undecided: return "undecided";
  }
  return "undecided";
}

Json endpoints(const Endpoints& e) {
  return {{"src", e.source.text()}, {"sport", e.sport}, {"dst", e.destination.text()}, {"dport", e.dport}};
}

Json fix_of(const host::Machine& machine, const Fix& fix) {
  Json commands = Json::array(), lasting = Json::array();
  for (const Change& change : fix.changes) {
    commands.push_back({{"namespace", machine.hosts[change.host].name}, {"command", change.command}});
    if (!change.lasting.empty()) lasting.push_back(change.lasting);
  }
  Json j{{"commands", commands}, {"verified", true}, {"lasting", lasting}};
  if (fix.refused_in) j["refused"] = true;
  return j;
}

}  // namespace

std::string report_json(const host::Machine& machine, const Answer& answer, bool explain) {
  const Account& a = answer.account;
  const host::Host& end_host = machine.hosts[a.end.host];
  Json j;
  j["verdict"] = verdict_word(a.verdict);
  j["direction"] = direction_word(a.direction);
  j["from"] = machine.hosts[answer.question.from].name;
  j["asked"] = endpoints(a.asked);
  j["proto"] = probe_name(answer.question.probe);
  j["end"] = {{"namespace", a.ended_outside ? "outside" : end_host.name},
              {"stage", stage_name(a.end.stop.stage)},
              {"device", end_host.devices[a.end.packet.device].name},
              {"reason", reason_name(a.end.stop.reason)}};
  j["cause"] = a.verdict == Verdict::dropped
                   ? cause_json(machine.hosts[a.end.cause_host], a.end.stop.cause)
                   : Json();
  j["translated"] = a.seen ? endpoints(*a.seen) : Json();
  if (const std::string told = what_sender_sees(machine, a, answer.question); !told.empty()) j["told"] = told;
  j["steps"] = Json::array();
  for (const Leg& leg : a.legs)
    for (const StoryLine& line : story(machine, a, leg, explain)) j["steps"].push_back(step_json(machine, line));
  j["fixes"] = Json::array();
  for (const Fix& fix : answer.fixes) j["fixes"].push_back(fix_of(machine, fix));
  if (answer.progress) {
    j["further"] = fix_of(machine, {.changes = answer.progress->changes});
    j["further"]["verified"] = false;
    j["further"]["then"] = answer.progress->then;
  }
  j["remarks"] = Json::array();
  for (const Remark& r : answer.remarks)
    j["remarks"].push_back({{"namespace", machine.hosts[r.host].name}, {"line", r.line}, {"text", r.text}});
  j["assumed"] = a.assumed;
  j["unknown"] = Json::array();
  for (const Unknown& u : a.unknown)
    j["unknown"].push_back({{"namespace", machine.hosts[u.host].name},
                            {"text", unknown_line(machine.hosts[u.host], u.what)}});
  if (a.circles) j["unknown"].push_back({{"text", "frames go in circles and never come to rest"}});
  if (a.verdict == Verdict::undecided && j["unknown"].empty())  // what it ended by is not modelled
    j["unknown"].push_back({{"namespace", machine.hosts[a.end.cause_host].name},
                            {"text", what_ended(machine, a)}});
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace wayout::why
