#include "replay/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <system_error>

#include "conntrack/listing.hpp"
#include "host/state.hpp"
#include "io/capture.hpp"
#include "netfilter/print.hpp"
#include "replay/merge.hpp"
#include "replay/replay.hpp"
#include "why/json.hpp"
#include "why/words.hpp"
#include "wire/craft.hpp"

namespace wayout::replay {
namespace {

/// A device whose frames go to another end: what a capture on it would show leaving.
bool has_other_end(const link::Device& device) {
  switch (device.kind) {
    case link::DeviceKind::loopback:
    case link::DeviceKind::bridge:
    case link::DeviceKind::vlan:
    case link::DeviceKind::macvlan:
    case link::DeviceKind::vxlan:
    case link::DeviceKind::vrf:
    case link::DeviceKind::dummy: return false;
    default: return true;
  }
}

/// `a/b` and `..` are names that a snapshot may hold, and no names of files.
bool is_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

const char* fate_word(Fate fate) {
  switch (fate) {
    case Fate::forwarded: return "forwarded";
    case Fate::bridged: return "bridged";
    case Fate::delivered: return "delivered";
    case Fate::held: return "held";
    case Fate::dropped: return "dropped";
    case Fate::undecided: return "undecided";
    case Fate::on_its_way: break;
  }
  return "undecided";
}

/// A text file of results. Errors show at close().
class TextFile {
 public:
  explicit TextFile(std::filesystem::path path) : path_(std::move(path)), file_(path_, std::ios::binary) {}
  void write(const std::string& text) { file_ << text; }
  [[nodiscard]] Result<void> close() {
    file_.close();
    if (file_.fail()) return Error{.file = path_.string(), .message = "could not be written"};
    return {};
  }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

/// The directory of results, filled while the replay runs.
class Results : public Sink {
 public:
  Results(const host::Machine& machine, const Options& options)
      : machine_(machine), options_(options), verdicts_(options.output / "verdicts.jsonl") {}

  [[nodiscard]] Result<void> begin();
  void left(DeviceId device, std::int64_t time_ns, const Packet& frame) override;
  void decided(const Verdict& verdict) override;
  void ended(std::span<const path::JourneyEnd>) override {}
  [[nodiscard]] Result<void> finish(const host::State& state);
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  [[nodiscard]] const host::Host& host() const { return machine_.hosts[0]; }
  [[nodiscard]] nlohmann::ordered_json steps_of(const Verdict& verdict) const;
  [[nodiscard]] nlohmann::ordered_json unknown_of(const Verdict& verdict);

  const host::Machine& machine_;
  const Options& options_;
  std::map<DeviceId, io::CaptureWriter> captures_;
  TextFile verdicts_;
  std::map<std::string, std::uint64_t> unknown_;  ///< how many frames met it
};

Result<void> Results::begin() {
  for (DeviceId id = 1; id < host().devices.size(); ++id) {
    const link::Device& device = host().devices[id];
    if (!has_other_end(device)) continue;
    if (!is_file_name(device.name))
      return Error{.message = fmt::format("the device \"{}\" cannot have a file of its name", device.name)};
    auto writer = io::CaptureWriter::create(options_.output / (device.name + ".pcap"), device.ethernet);
    if (!writer) return writer.error();
    captures_.emplace(id, std::move(*writer));
  }
  return {};
}

void Results::left(DeviceId device, std::int64_t time_ns, const Packet& frame) {
  if (const auto capture = captures_.find(device); capture != captures_.end())
    capture->second.write(time_ns, frame.on_wire());
}

nlohmann::ordered_json Results::steps_of(const Verdict& verdict) const {
  why::Account account;
  account.steps = verdict.steps;
  auto steps = nlohmann::ordered_json::array();
  for (const why::StoryLine& line : why::story(machine_, account, {.packet = verdict.packet, .text = {}}, true))
    steps.push_back(why::step_json(machine_, line));
  return steps;
}

/// What this frame met and what is not known of it, each once; counted for the notes.
nlohmann::ordered_json Results::unknown_of(const Verdict& verdict) {
  std::set<std::string> texts;
  for (const path::JourneyAssumption& a : verdict.unknown)
    texts.insert(why::unknown_line(machine_.hosts[a.host], a.assumption.by));
  for (const std::string& text : texts) ++unknown_[text];
  return texts;
}

std::vector<std::string> Results::notes() const {
  std::vector<std::string> lines;
  for (const auto& [text, frames] : unknown_)
    lines.push_back(fmt::format("not modelled, or not known: {} ({} frames)", text, frames));
  return lines;
}

void Results::decided(const Verdict& verdict) {
  nlohmann::ordered_json line{{"index", verdict.index},
                              {"device", host().devices[verdict.device].name},
                              {"fate", fate_word(verdict.stop.fate)},
                              {"function", stage_name(verdict.stop.stage)},
                              {"reason", reason_name(verdict.stop.reason)}};
  const bool has_cause = verdict.stop.cause.kind() != CauseKind::none;
  line["cause"] = has_cause ? why::cause_json(machine_.hosts[verdict.cause_host], verdict.stop.cause)
                            : nlohmann::ordered_json();
  if (!verdict.unknown.empty()) {
    line["fate"] = fate_word(Fate::undecided);
    line["unknown"] = unknown_of(verdict);
  }
  if (options_.explain) line["steps"] = steps_of(verdict);
  verdicts_.write(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

Result<void> Results::finish(const host::State& state) {
  for (auto& [device, capture] : captures_)
    if (auto closed = capture.close(); !closed) return closed;
  if (auto closed = verdicts_.close(); !closed) return closed;

  const std::vector<netfilter::Ruleset> counted = netfilter::counted(host().netfilter, state.rules);
  for (const host::RuleFile& file : host().rule_files) {
    if (!is_file_name(file.name)) continue;
    TextFile out(options_.output / file.name);
    out.write(netfilter::print_save(counted[file.ruleset], true));
    if (auto closed = out.close(); !closed) return closed;
  }

  TextFile connections(options_.output / "conntrack.txt");
  state.connections.for_each([&](ConnectionId, const conntrack::Connection& c) {
    if (c.expires_ms > state.now_ms)
      connections.write(
          conntrack::print_connection(c, conntrack::ListingFormat::extended, state.now_ms) + "\n");
  });
  return connections.close();
}

Result<void> make_directory(const std::filesystem::path& directory) {
  const auto fail = [&](std::string message) {
    return Error{.file = directory.string(), .message = std::move(message)};
  };
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(error.message());
  const bool empty = std::filesystem::is_empty(directory, error);
  if (error) return fail(error.message());
  if (!empty) return fail("is not empty: results go into a directory of their own");
  return {};
}

struct Opened {
  std::vector<io::CaptureReader> captures;
  std::vector<DeviceId> devices;   ///< that receive them
};

Result<Opened> open_inputs(const host::Host& host, const std::vector<Input>& inputs) {
  Opened opened;
  for (const Input& input : inputs) {
    const DeviceId device = host.devices.find(input.device);
    if (device == no_device)
      return Error{.message = fmt::format("there is no device \"{}\" in the snapshot", input.device)};
    auto capture = io::CaptureReader::open(input.file);
    if (!capture) return capture.error();
    opened.captures.push_back(std::move(*capture));
    opened.devices.push_back(device);
  }
  return opened;
}

/// The frame as the device's driver would hand it up. Without an Ethernet header it gets one: to the
/// device, or to whom the capture says that it was.
Packet with_link_header(const io::CapturedFrame& captured, const link::Device& device) {
  if (captured.has_ethernet) return Packet::from_frame(captured.bytes);
  if (!device.ethernet) {
    Packet packet = Packet::from_ip(captured.bytes);
    packet.type = PacketType::host;
    packet.local = false;
    return packet;
  }
  constexpr wire::MacAddress somebody{{0x02, 0, 0, 0x0f, 0xff, 0xfe}};
  constexpr wire::MacAddress somebody_else{{0x02, 0, 0, 0x0f, 0xff, 0xfd}};
  const wire::MacAddress to = captured.type == PacketType::broadcast  ? wire::MacAddress::broadcast()
                              : captured.type == PacketType::other_host ? somebody_else
                                                                        : device.mac;
  return Packet::from_frame(wire::make_frame(somebody, to, wire::ethertype::ipv4, captured.bytes));
}

/// Of what its capture has cut off nothing is known: zeroes stand for it, and it sums up.
Packet as_received(const io::CapturedFrame& captured, const link::Device& device) {
  Packet packet = with_link_header(captured, device);
  if (captured.is_cut()) {
    packet.extend_network(packet.network().size() + captured.length_bytes - captured.bytes.size());
    packet.checksum_verified = true;
  }
  return packet;
}

/// Frames that their capture has cut, counted by capture.
std::vector<std::string> notes_of(const std::vector<Input>& inputs, const std::vector<std::uint64_t>& cut) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (cut[i] != 0)
      notes.push_back(fmt::format("{}: {} frames are not whole (tcpdump -s): the rest is taken as zeroes",
                                  inputs[i].file, cut[i]));
  return notes;
}

}  // namespace

Result<Outcome> run(const host::Machine& machine, const Options& options,
                    const std::function<void(const Progress&)>& progress) {
  const host::Host& host = machine.hosts[0];
  Result<Opened> opened = open_inputs(host, options.inputs);
  if (!opened) return opened.error();
  if (auto made = make_directory(options.output); !made) return made.error();
  Results results(machine, options);
  if (auto begun = results.begin(); !begun) return begun.error();

  Outcome outcome;
  Merge merge(std::move(opened->captures));
  std::vector<std::uint64_t> cut(options.inputs.size());
  std::optional<MergedFrame> next = merge.next();
  Replay replay(machine, options.seed, next ? next->frame.time_ns : 0, results);
  for (; next; next = merge.next()) {
    const DeviceId device = opened->devices[next->from];
    const bool at_rest = replay.receive(device, next->frame.time_ns,
                                        as_received(next->frame, host.devices[device]));
    if (!at_rest && outcome.problems.empty())
      outcome.problems.push_back({.message = fmt::format("frame {} goes in circles and was given up",
                                                         outcome.frames)});
    if (next->frame.is_cut()) ++cut[next->from];
    ++outcome.frames;
    progress({outcome.frames, merge.read_bytes(), merge.total_bytes()});
  }
  if (outcome.frames != 0) replay.finish();
  outcome.problems.insert(outcome.problems.end(), merge.problems().begin(), merge.problems().end());
  outcome.notes = results.notes();
  outcome.all_known = outcome.notes.empty();
  for (std::string& note : notes_of(options.inputs, cut)) outcome.notes.push_back(std::move(note));
  if (auto finished = results.finish(replay.state()); !finished) return finished.error();
  return outcome;
}

}  // namespace wayout::replay
