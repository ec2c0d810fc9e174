#include "why/json.hpp"

#include "why/words.hpp"

namespace wayout::why {

using Json = nlohmann::ordered_json;

const char* direction_word(Way way) { return way == Way::out ? "out" : "back"; }

Json cause_json(const host::Host& host, const Cause& cause) {
  Json j{{"kind", cause_kind(cause)}, {"namespace", host.name}};
  switch (cause.kind()) {
    case CauseKind::sysctl:
      j["key"] = sysctl_key(host, cause);
      j["value"] = sysctl_value(host, cause);
      break;
    case CauseKind::rule:
    case CauseKind::policy: {
      const RulePlace place = rule_place(host, cause.rule_ref());
      j["table"] = place.table;
      j["chain"] = place.chain;
      if (place.number != 0) j["number"] = place.number;
      j["command"] = place.command;
      break;
    }
    default: break;
  }
  j["text"] = cause_line(host, cause);
  return j;
}

Json step_json(const host::Machine& machine, const StoryLine& line) {
  Json j{{"direction", direction_word(line.way)},
         {"namespace", machine.hosts[line.host].name},
         {"device", line.device},
         {"stage", line.stage},
         {"did", line.did},
         {"text", line.text}};
  if (!line.line.empty()) j["by"] = line.line;
  return j;
}

}  // namespace wayout::why
