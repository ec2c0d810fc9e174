#include "why/fix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "host/finish.hpp"
#include "why/headline.hpp"

namespace wayout::why {
namespace {

constexpr int most_trials = 60;
constexpr std::size_t most_changes = 4, most_fixes = 3, most_looked_at = 8;
/// A fix this much heavier than the lightest one is not worth telling: it does more than is asked.
constexpr int most_heavier = 2;

/// The parts of one host as they were, put back when the trial is over.
class Restore {
 public:
  Restore(host::Host& host, unsigned parts) : host_(host), parts_(parts) {
    if ((parts & Parts::devices) != 0) devices_ = host.devices, interfaces_ = host.interfaces;
    if ((parts & (Parts::routing | Parts::devices)) != 0) fib_ = host.fib;
    if ((parts & Parts::rules) != 0) netfilter_ = host.netfilter;
    if ((parts & Parts::bridging) != 0) bridging_ = host.bridging;
    if ((parts & Parts::neighbours) != 0) neighbours_ = host.neighbours;
    if ((parts & Parts::connections) != 0) connections_ = host.connections;
    conntrack_config_ = host.conntrack_config;
    ip_ = host.ip;
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;
  ~Restore() {
    if ((parts_ & Parts::devices) != 0)
      host_.devices = std::move(devices_), host_.interfaces = std::move(interfaces_);
    if ((parts_ & (Parts::routing | Parts::devices)) != 0) host_.fib = std::move(fib_);
    if ((parts_ & Parts::rules) != 0) host_.netfilter = std::move(netfilter_);
    if ((parts_ & Parts::bridging) != 0) host_.bridging = std::move(bridging_);
    if ((parts_ & Parts::neighbours) != 0) host_.neighbours = std::move(neighbours_);
    if ((parts_ & Parts::connections) != 0) host_.connections = std::move(connections_);
    host_.conntrack_config = conntrack_config_;
    host_.ip = ip_;
  }

 private:
  host::Host& host_;
  unsigned parts_;
  link::Devices devices_;
  route::Interfaces interfaces_;
  route::Fib fib_;
  netfilter::Netfilter netfilter_;
  bridge::Config bridging_;
  std::vector<link::Neighbour> neighbours_;
  std::vector<conntrack::Connection> connections_;
  conntrack::Config conntrack_config_;
  host::IpConfig ip_;
};

/// A port takes part in its bridge as long as it has carrier.
void set_carrier(link::Device& device, bool carrier) {
  using link::PortState;
  if (device.port && device.carrier != carrier) {
    PortState& state = device.port->state;
    if (!carrier) state = PortState::disabled;
    else if (state == PortState::disabled) state = PortState::forwarding;
  }
  device.carrier = carrier;
}

/// What follows from devices that went up or down: a veth has carrier when both ends are up, what
/// stands on another device when that has, a bridge when one of its ports has.
void settle_carriers(host::Machine& machine) {
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    link::Devices& devices = machine.hosts[i].devices;
    for (DeviceId d = 1; d < devices.size(); ++d) {
      const host::DeviceRef peer = machine.peer({i, d});
      if (devices[d].kind == link::DeviceKind::veth && peer.device != no_device)
        set_carrier(devices[d],
                    devices[d].up && machine.hosts[peer.host].devices[peer.device].up);
    }
  }
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    link::Devices& devices = machine.hosts[i].devices;
    for (DeviceId d = 1; d < devices.size(); ++d) {
      using Kind = link::DeviceKind;
      const Kind kind = devices[d].kind;
      const host::DeviceRef lower = machine.lower({i, d});
      if ((kind == Kind::macvlan || kind == Kind::ipvlan || kind == Kind::vlan) &&
          lower.device != no_device)
        set_carrier(devices[d], machine.hosts[lower.host].devices[lower.device].running());
    }
    for (link::Device& bridge : devices.list) {
      if (bridge.kind != link::DeviceKind::bridge) continue;
      const DeviceId id = static_cast<DeviceId>(&bridge - devices.list.data());
      bridge.carrier = std::any_of(devices.list.begin(), devices.list.end(), [&](const auto& port) {
        return port.master == id && port.running();
      });
    }
  }
}

/// A change in force for as long as this lives.
class Applied {
 public:
  Applied(host::Machine& machine, const Change& change)
      : machine_(machine), restore_(std::in_place, machine.hosts[change.host], change.parts) {
    change.apply(machine.hosts[change.host]);
    if ((change.parts & Parts::devices) != 0) settle_carriers(machine);
    valid_ = host::finish(machine).ok();
  }
  Applied(const Applied&) = delete;
  Applied& operator=(const Applied&) = delete;
  ~Applied() {
    restore_.reset();
    settle_carriers(machine_);
    static_cast<void>(host::finish(machine_).ok());  // as it was, it was valid
  }
  /// False: the change made something that the kernel would refuse.
  [[nodiscard]] bool valid() const { return valid_; }

 private:
  host::Machine& machine_;
  std::optional<Restore> restore_;
  bool valid_ = false;
};

/// The way is free, and the refusal came back: only a program is missing.
bool is_refused(const Account& account) {
  return account.verdict == Verdict::dropped && !account.told.empty() &&
         account.end.stop.cause.kind() == CauseKind::socket;
}

/// How far a packet came: the way back is further than any way out.
std::size_t distance(const Account& account) {
  std::set<std::uint32_t> met;
  for (const Step& step : account.steps) met.insert(step.host);
  constexpr std::size_t whole_way_out = 1000;
  return met.size() + (account.direction == Way::back ? whole_way_out : 0);
}

/// `in o: there is no route to the destination`.
std::string what_stops(const host::Machine& machine, const Account& account) {
  const std::string ended = what_ended(machine, account);
  if (account.end.cause_host != account.end.host) return ended;
  return fmt::format("it ends in {}: {}", machine.hosts[account.end.host].name, ended);
}

bool same_end(const Account& a, const Account& b) {
  return a.verdict == b.verdict && a.direction == b.direction && a.end.host == b.end.host &&
         a.end.stop.stage == b.end.stop.stage && a.end.stop.cause == b.end.stop.cause;
}

class Search {
 public:
  Search(const host::Machine& machine, const Question& question, const Account& account)
      : machine_(machine),
        question_(question),
        furthest_(distance(account)),
        refused_already_(is_refused(account)) {}

  void from(const Account& account);
  std::vector<Fix> found;
  std::optional<Progress> progress;  ///< the one that gets it furthest

 private:
  void note_progress(const Change& change, const Account& next);
  /// What the sender repeats belongs to the connection that its last attempt has left.
  void forget_old_translations(Fix& fix, const Account& with_fix) const;
  /// Worth going on from: it ended elsewhere than everything tried so far on this line.
  [[nodiscard]] bool is_new(const Account& account) const {
    return std::none_of(line_.begin(), line_.end(),
                        [&](const Account* seen) { return same_end(*seen, account); });
  }

  host::Machine machine_;
  const Question& question_;
  std::vector<Change> changes_;
  std::vector<const Account*> line_;  ///< the accounts that led here
  std::size_t furthest_;
  bool refused_already_;  ///< then a refusal is no success
  int trials_ = 0;
};

void Search::note_progress(const Change& change, const Account& next) {
  if (next.verdict != Verdict::dropped || distance(next) <= furthest_) return;
  furthest_ = distance(next);
  progress = Progress{changes_, what_stops(machine_, next)};
  progress->changes.push_back(change);
}

void Search::forget_old_translations(Fix& fix, const Account& with_fix) const {
  if (!with_fix.seen) return;
  // Only where the packet is tracked: elsewhere others may have the same addresses.
  std::set<std::uint32_t> tracking;
  for (const Step& step : with_fix.steps)
    if (step.did == Did::tracked) tracking.insert(step.host);
  for (const std::uint32_t host : tracking) {
    for (const conntrack::Connection& c : machine_.hosts[host].connections) {
      const conntrack::Tuple& sent = c.original();
      const bool is_repeated =
          sent.protocol == protocol_of(question_.probe) && sent.source == with_fix.asked.source &&
          sent.destination == with_fix.asked.destination &&
          (!conntrack::has_ports(sent.protocol) || sent.destination_port == question_.dport) &&
          (sent.protocol != wire::protocol::tcp || c.tcp.state == conntrack::TcpState::syn_sent);
      const bool is_same = c.reply().destination == with_fix.seen->source &&
                           c.reply().source == with_fix.seen->destination;
      if (!is_repeated || is_same) continue;
      fix.changes.push_back(forget_connections(c, host));
      break;
    }
  }
}

void Search::from(const Account& account) {
  line_.push_back(&account);
  std::vector<std::pair<Change, Account>> onward;
  int lightest = std::numeric_limits<int>::max();  // of the single changes that are enough
  for (Change& change : candidates(machine_, question_, account)) {
    const bool solved = lightest != std::numeric_limits<int>::max();
    if (change.last_resort && (solved || !onward.empty())) continue;
    if (++trials_ > most_trials) break;
    const Applied applied(machine_, change);
    if (!applied.valid()) continue;
    Account next = explore(machine_, question_);
    if (next.verdict == Verdict::delivered || (is_refused(next) && !refused_already_)) {
      found.push_back({.changes = changes_});
      if (is_refused(next)) found.back().refused_in = next.end.host;
      found.back().changes.push_back(change);
      forget_old_translations(found.back(), next);
      if (next.verdict == Verdict::delivered) {
        lightest = std::min(lightest, change.weight);
        continue;
      }
      // Refused, but perhaps only where a rule did not lead it to who listens.
      if (!candidates(machine_, question_, next).empty())
        onward.emplace_back(std::move(change), std::move(next));
      continue;
    }
    note_progress(change, next);
    if (next.verdict == Verdict::dropped && (change.prepares || is_new(next))) {
      onward.emplace_back(std::move(change), std::move(next));
    }
  }
  // Longer chains only where no single change was enough that is as narrow.
  if (changes_.size() + 1 < most_changes) {
    for (auto& [change, next] : onward) {
      if (change.weight + 1 >= lightest) continue;
      const Applied applied(machine_, change);
      changes_.push_back(change);
      from(next);
      changes_.pop_back();
    }
  }
  line_.pop_back();
}

/// A fix that is another one and something more holds a change that does not help. Smallest first.
void drop_padded(std::vector<Fix>& fixes) {
  const auto holds = [](const Fix& large, const Fix& small) {
    return std::ranges::all_of(small.changes, [&](const Change& wanted) {
      return std::ranges::any_of(large.changes, [&](const Change& c) {
        return c.host == wanted.host && c.command == wanted.command;
      });
    });
  };
  for (std::size_t i = 0; i < fixes.size(); ++i)
    fixes.erase(std::remove_if(fixes.begin() + static_cast<std::ptrdiff_t>(i) + 1, fixes.end(),
                               [&](const Fix& fix) { return holds(fix, fixes[i]); }),
                fixes.end());
}

/// True: these changes, made one after the other on a copy, are enough.
bool are_enough(host::Machine machine, const Question& question,
                const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    change.apply(machine.hosts[change.host]);
    settle_carriers(machine);
  }
  return host::finish(machine).ok() && explore(machine, question).verdict == Verdict::delivered;
}

/// What led to the change that helped need not be part of it: each earlier one is left out once.
void leave_out_needless(const host::Machine& machine, const Question& question, Fix& fix) {
  for (std::size_t i = 0; i + 1 < fix.changes.size();) {
    const Change left_out = fix.changes[i];
    // By the kernel, or by the places that the later ones count on.
    const bool is_asked_for =
        left_out.allows || left_out.weight == 0 ||  // what only makes the sender try anew
        std::any_of(fix.changes.begin() + static_cast<std::ptrdiff_t>(i) + 1, fix.changes.end(),
                    [&](const Change& later) {
                      return later.by_position && later.host == left_out.host &&
                             (later.parts & left_out.parts) != 0;
                    });
    std::vector<Change> rest = fix.changes;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    if (!is_asked_for && are_enough(machine, question, rest)) fix.changes = std::move(rest);
    else ++i;
  }
}

/// Those that the way is free with before those that end in a refusal, and the smallest first.
void sort_fixes(std::vector<Fix>& fixes) {
  std::stable_sort(fixes.begin(), fixes.end(), [](const Fix& a, const Fix& b) {
    return std::pair(a.refused_in.has_value(), a.weight()) <
           std::pair(b.refused_in.has_value(), b.weight());
  });
}

}  // namespace

int Fix::weight() const {
  return std::accumulate(changes.begin(), changes.end(), 0,
                         [](int sum, const Change& c) { return sum + c.weight; });
}

bool ends_elsewhere(const host::Machine& machine, const Question& question, const Account& account,
                  const Change& change) {
  host::Machine copy = machine;
  const Applied applied(copy, change);
  if (!applied.valid()) return false;
  return !same_end(explore(copy, question), account);
}

Tried tried_fixes(const host::Machine& machine, const Question& question,
                             const Account& account) {
  if (account.verdict != Verdict::dropped) return {};
  Search search(machine, question, account);
  search.from(account);
  std::vector<Fix>& found = search.found;
  sort_fixes(found);
  if (!found.empty() && !found.front().refused_in)
    std::erase_if(found, [](const Fix& fix) { return fix.refused_in.has_value(); });
  drop_padded(found);
  if (found.size() > most_looked_at) found.resize(most_looked_at);
  for (Fix& fix : found)
    if (!fix.refused_in) leave_out_needless(machine, question, fix);
  sort_fixes(found);
  drop_padded(found);
  std::erase_if(found, [lightest = found.empty() ? 0 : found.front().weight()](const Fix& fix) {
    return fix.weight() > lightest + most_heavier;
  });
  if (found.size() > most_fixes) found.resize(most_fixes);
  if (!found.empty()) search.progress.reset();
  return {std::move(found), std::move(search.progress)};
}

}  // namespace wayout::why
