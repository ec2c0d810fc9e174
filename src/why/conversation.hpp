// The question, played through: probe, answer, and what follows, over all namespaces.
//
// TCP is a handshake and one exchange of data, UDP and ICMP one exchange. Each packet is a leg; the
// conversation ends with the first leg that does not arrive. What lies beyond this machine is not
// known; who answers there, and whether the answer finds back, is decided in outside.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "packet/chance.hpp"
#include "packet/trace.hpp"
#include "path/journey.hpp"
#include "why/question.hpp"

namespace wayout::why {

enum class Verdict : std::uint8_t { delivered, dropped, undecided };
enum class Way : std::uint8_t { out, back };

/// One packet of the conversation.
struct Leg {
  Way way = Way::out;
  std::uint32_t packet = 0;    ///< Packet::number
  std::string text;            ///< one line, as it was sent
};

/// The four numbers of the probe as the far end saw them (ICMP: ports are the id).
struct Endpoints {
  wire::IpAddress source, destination;
  std::uint16_t sport = 0, dport = 0;
  bool operator==(const Endpoints&) const = default;
};

/// Something on the way that the model does not know.
struct Unknown {
  std::uint32_t host = 0;
  Cause what;
  bool operator==(const Unknown&) const = default;
};

/// What happened in one run of the conversation.
struct Account {
  Verdict verdict = Verdict::undecided;
  Way direction = Way::out;            ///< of the leg that ended it; back when all arrived
  path::JourneyEnd end;                ///< of that leg
  bool ended_outside = false;          ///< beyond this machine
  std::vector<Leg> legs;
  std::vector<Step> steps;             ///< of all packets, in order
  Endpoints asked;                     ///< as the sender's socket has them
  std::optional<Endpoints> seen;       ///< as the far end saw the first packet
  std::optional<std::uint32_t> reached;  ///< host in which the probe was delivered; none: outside
  bool circles = false;                ///< frames never came to rest
  std::optional<host::DeviceRef> uplink;  ///< where it left this machine
  std::string told;                    ///< the ICMP error the sender got, in words; "": silence
  std::optional<std::uint8_t> told_code;  ///< of that error, when it is "unreachable"
  std::vector<Unknown> unknown;        ///< met on the way, not modelled
  std::vector<std::string> assumed;
  std::vector<Choice> choices;
};

/// Play the question once, following `script` where an outcome is not known.
[[nodiscard]] Account converse(const host::Machine& machine, const Question& question,
                               std::vector<std::uint32_t> script = {});

/// Play it for every outcome of what is not known, and join the accounts: when their verdicts
/// differ the answer is undecided, because of `unknown`.
[[nodiscard]] Account explore(const host::Machine& machine, const Question& question);

}  // namespace wayout::why
