#include "why/story.hpp"

#include <fmt/format.h>

#include "netfilter/evaluate.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

using netfilter::Missed;
using netfilter::RuleEffect;

const char* effect_word(RuleEffect effect) {
  switch (effect) {
    case RuleEffect::accept: return "accepts";
    case RuleEffect::drop: return "drops";
    case RuleEffect::reject: return "rejects";
    case RuleEffect::jump: return "jumps";
    case RuleEffect::goto_: return "goes";
    case RuleEffect::return_: return "returns";
    case RuleEffect::nat: return "maps";
    case RuleEffect::mark: return "marks";
    case RuleEffect::log: return "logs";
    case RuleEffect::notrack: return "untracks";
    case RuleEffect::queue: return "queues";
    case RuleEffect::copy: return "copies";
    case RuleEffect::set: return "sets";
    case RuleEffect::proxy: return "takes";
    case RuleEffect::go_on: return "counts";
  }
  return "";
}

std::string missed_phrase(const netfilter::Rule& rule, std::uint32_t value) {
  switch (static_cast<Missed>(value)) {
    case Missed::source: return "source";
    case Missed::destination: return "destination";
    case Missed::in_interface: return "in interface";
    case Missed::out_interface: return "out interface";
    case Missed::protocol: return "protocol";
    case Missed::fragment: return "fragment";
    default: break;
  }
  const std::size_t match = value - static_cast<std::uint32_t>(Missed::first_match);
  if (match >= rule.matches.size()) return "match";
  return match_line(rule.matches[match]);
}

const char* route_word(RouteType type) {
  switch (type) {
    case RouteType::local: return "for this namespace";
    case RouteType::broadcast: return "broadcast";
    case RouteType::multicast: return "multicast";
    case RouteType::blackhole: return "blackhole";
    case RouteType::unreachable: return "unreachable";
    case RouteType::prohibit: return "prohibit";
    default: return "";
  }
}

/// The route would lead on, but this namespace does not forward what came in here.
bool is_turned_down(const host::Host& host, const Step& step, RouteType decided) {
  return decided == RouteType::unreachable && step.by.kind() == CauseKind::route &&
         host.fib.route(step.by.route()).type == RouteType::unicast;
}

/// Steps of hooks do not say where the packet is, and a received packet's local route names lo: it is
/// where it was.
bool stays(const Step& step) {
  return step.device == no_device ||
         (step.did == Did::routed && step.stage == Stage::ip_rcv_finish_core &&
          static_cast<RouteType>(step.value) == RouteType::local);
}

/// The packet goes on at an upper device, which was told when it was passed there.
bool was_passed_up(Stage stage) {
  return stage == Stage::vlan_do_receive || stage == Stage::macvlan_handle_frame ||
         stage == Stage::vxlan_rcv;
}

class Teller {
 public:
  Teller(const host::Machine& machine, const Account& account, const Leg& leg, bool all)
      : machine_(machine), account_(account), leg_(leg), all_(all) {}

  std::vector<StoryLine> tell() {
    for (const Step& step : account_.steps)
      if (step.packet == leg_.packet) {
        one(step);
        if (stays(step)) continue;
        last_host_ = step.host;
        last_device_ = device(step, step.device);
      }
    return std::move(lines_);
  }

 private:
  [[nodiscard]] const host::Host& host_of(const Step& step) const { return machine_.hosts[step.host]; }

  [[nodiscard]] std::string device(const Step& step, DeviceId id) const {
    return id < host_of(step).devices.size() ? host_of(step).devices[id].name : "";
  }

  void add(const Step& step, std::string stage, std::string did, std::string text, std::string line) {
    std::string at = device(step, step.device);
    if (stays(step) && step.host == last_host_ && !last_device_.empty()) at = last_device_;
    lines_.push_back({.way = leg_.way,
                      .packet = step.packet,
                      .host = step.host,
                      .device = std::move(at),
                      .stage = std::move(stage),
                      .did = std::move(did),
                      .text = std::move(text),
                      .line = std::move(line),
                      .ended = false});
  }

  void one(const Step& step);
  void link(const Step& step);
  void routing(const Step& step);
  void ip(const Step& step);
  void connection(const Step& step);
  void rule(const Step& step);
  void ended(const Step& step);
  /// The line of configuration that made it so; empty when there is none.
  [[nodiscard]] std::string by(const Step& step) const;

  const host::Machine& machine_;
  const Account& account_;
  const Leg& leg_;
  bool all_;
  std::uint32_t last_host_ = 0;
  std::string last_device_;
  std::vector<StoryLine> lines_;
};

void Teller::rule(const Step& step) {
  const host::Host& host = host_of(step);
  const RulePlace place = rule_place(host, step.by.rule_ref());
  const std::string stage = fmt::format("{} {}", place.table, hook_name(step.hook));
  if (step.did == Did::rule_missed) {
    if (!all_) return;
    add(step, stage, "missed",
        missed_phrase(host.netfilter.rule(step.by.rule_ref()), step.value),
        cause_line(host, step.by));
    return;
  }
  const auto effect = static_cast<RuleEffect>(step.value);
  const bool decides = effect == RuleEffect::accept || effect == RuleEffect::drop ||
                       effect == RuleEffect::reject || effect == RuleEffect::nat ||
                       effect == RuleEffect::mark || effect == RuleEffect::notrack ||
                       effect == RuleEffect::queue || effect == RuleEffect::copy ||
                       effect == RuleEffect::set || effect == RuleEffect::proxy;
  if (!decides && !all_) return;
  if (step.did == Did::policy_applied && effect == RuleEffect::accept && !all_ &&
      place.table != "filter")
    return;
  const std::string which = place.number != 0 ? fmt::format("{} {}", place.chain, place.number)
                                              : fmt::format("{} policy", place.chain);
  add(step, stage, effect_word(effect), which, cause_line(host, step.by));
}

void Teller::ended(const Step& step) {
  if (step.fate == Fate::held) return;
  const host::Host& host = host_of(step);
  const std::string stage{stage_name(step.stage)};
  const std::string line = cause_line(host, step.by);
  switch (step.fate) {
    case Fate::dropped:
      add(step, stage, "dropped", std::string(reason_name(step.reason)), line);
      lines_.back().ended = true;
      break;
    case Fate::delivered: add(step, stage, "delivered", "to its socket", ""); break;
    case Fate::forwarded:
    case Fate::bridged:
      if (was_passed_up(step.stage)) break;
      add(step, stage, "sent", fmt::format("leaves through {}", device(step, step.device)), "");
      break;
    case Fate::undecided:
      add(step, stage, "undecided", "", line);
      lines_.back().ended = true;
      break;
    default: break;
  }
}

std::string Teller::by(const Step& step) const {
  return step.by.kind() == CauseKind::none ? "" : cause_line(host_of(step), step.by);
}

void Teller::link(const Step& step) {
  const std::string stage{stage_name(step.stage)};
  switch (step.did) {
    case Did::received:
      if (all_) add(step, stage, "received", "", "");
      break;
    case Did::bridged:
      add(step, stage, "bridged",
          fmt::format("{} to {}", device(step, step.device), device(step, step.other)), "");
      break;
    case Did::flooded: add(step, stage, "flooded", fmt::format("to {} ports", step.value), ""); break;
    case Did::passed_up:
      add(step, stage, "up",
          fmt::format("{} to {}", device(step, step.device),
                      step.other == no_device ? "a device of another namespace"
                                              : device(step, step.other)),
          "");
      break;
    case Did::resolved:
      if (all_) add(step, stage, "neighbour", step.address.text(), "");
      break;
    case Did::assumed_resolved:
      add(step, stage, "neighbour", fmt::format("{} assumed to answer", step.address.text()), "");
      break;
    case Did::asked_neighbour:
      add(step, stage, "neighbour", fmt::format("who has {}", step.address.text()), "");
      break;
    default: break;  // learned, passed_over, sent: the lines around them say it
  }
}

void Teller::routing(const Step& step) {
  const std::string stage{stage_name(step.stage)};
  switch (step.did) {
    case Did::source_chosen: add(step, stage, "source", step.address.text(), ""); break;
    case Did::routed: {
      const auto type = static_cast<RouteType>(step.value);
      const std::string word = route_word(type);
      add(step, stage, "routed",
          is_turned_down(host_of(step), step, type) ? "not forwarded"
          : !word.empty()                           ? word
          : step.address.is_set()
              ? fmt::format("via {} dev {}", step.address.text(), device(step, step.device))
              : fmt::format("on-link dev {}", device(step, step.device)),
          by(step));
      break;
    }
    case Did::source_validated:
      if (all_ || step.by.kind() == CauseKind::sysctl)
        add(step, stage, "validated", "source", by(step));
      break;
    default: break;
  }
}

void Teller::ip(const Step& step) {
  const std::string stage{stage_name(step.stage)};
  switch (step.did) {
    case Did::decremented:
      if (all_) add(step, stage, "ttl", std::to_string(step.value), "");
      break;
    case Did::fragmented:
      add(step, stage, "fragmented", fmt::format("into {}", step.value), by(step));
      break;
    case Did::reassembled:
      add(step, stage, "reassembled", fmt::format("{} bytes", step.value), "");
      break;
    default: break;
  }
}

void Teller::connection(const Step& step) {
  const std::string stage{stage_name(step.stage)};
  if (step.did == Did::translated) {
    add(step, stage, "translated",
        fmt::format("{} {}:{}", step.value == 0 ? "source" : "destination", step.address.text(),
                    step.port),
        by(step));
    return;
  }
  constexpr const char* words[] = {"INVALID", "ESTABLISHED", "RELATED", "NEW", "ESTABLISHED",
                                   "RELATED", "UNTRACKED"};
  const bool listed = step.by.kind() == CauseKind::conntrack &&
                      step.by.connection() <= host_of(step).connections.size();
  add(step, stage, "tracked", step.value < std::size(words) ? words[step.value] : "",
      listed ? "an entry from before" : "");
}

void Teller::one(const Step& step) {
  const std::string stage{stage_name(step.stage)};
  switch (step.did) {
    case Did::rule_matched:
    case Did::rule_missed:
    case Did::policy_applied: return rule(step);
    case Did::rewritten:
      return add(step, stage, "rewritten", fmt::format("{:#x}", step.value), by(step));
    case Did::assumed:
      return add(step, stage, "not known",
                 step.by.kind() == CauseKind::unmodelled ? "not modelled"
                 : step.value != 0                       ? "taken to match"
                                                         : "taken not to match",
                 by(step));
    case Did::tracked:
    case Did::translated: return connection(step);
    case Did::ended: return ended(step);
    default: break;
  }
  link(step);
  routing(step);
  ip(step);
}

}  // namespace

std::vector<StoryLine> story(const host::Machine& machine, const Account& account, const Leg& leg,
                             bool all) {
  return Teller(machine, account, leg, all).tell();
}

}  // namespace wayout::why
