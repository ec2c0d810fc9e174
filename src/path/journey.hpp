// Several namespaces joined by their devices: packets go from one walk to the next until all have
// ended.
//
// A Journey owns the changing state of every namespace it touches; the Machine stays as read. It
// comes to rest when no namespace has work and no frame is between two of them. Then neighbours
// that did not answer are settled: one whose request left this machine is taken to exist (and that
// is told), any other has failed, as after the kernel's three requests.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "path/stack.hpp"

namespace wayout::path {

/// How a packet ended, and on which host. `cause_host`: whose configuration the Cause points into.
struct JourneyEnd {
  std::uint32_t host = 0;
  std::uint32_t cause_host = 0;
  Packet packet;
  Stop stop;
  /// Where a packet waited for a neighbour in vain: what was to find it, as that ended, if this is the
  /// cause. An ARP frame, or the datagram that carried it through a tunnel.
  std::optional<Packet> unheard = std::nullopt;
};

/// A frame that left this machine through a device whose other end is not here.
struct Departure {
  host::DeviceRef from;
  Packet frame;
};

/// What was taken for granted of a packet in one namespace (Stack::assumed).
struct JourneyAssumption {
  std::uint32_t host = 0;            ///< whose configuration it is about
  Assumption assumption;
};

/// Who answers for the neighbours that are asked for.
enum class Asking : std::uint8_t {
  at_rest,  ///< nobody outside is there to: settled as soon as nothing moves any more
  in_time,  ///< frames that are still to come: asked again and given up as time goes on
};

class Journey {
 public:
  Journey(const host::Machine& machine, Chance& chance, StepTrace& trace,
          Asking asking = Asking::at_rest);

  /// A process on `host` sends an IP packet; packet.number is set by the caller or 0 (a new one).
  void send(std::uint32_t host, Packet packet);
  /// A frame arrives from outside on this device.
  void receive(host::DeviceRef at, Packet frame);
  /// Walk until everything is at rest. False: the budget ended it, frames go in circles.
  bool run();

  /// Asking::in_time: the time at which something has to be done although no frame comes; none: never.
  [[nodiscard]] std::optional<std::int64_t> next_due() const;
  /// Asking::in_time: it is now_ms in all namespaces; what is due by then is done. False as run().
  bool advance(std::int64_t now_ms);
  /// What ended, and what left, since the last call. With Asking::in_time every frame to another
  /// device end is a departure.
  [[nodiscard]] std::vector<JourneyEnd> take_ends();
  [[nodiscard]] std::vector<Departure> take_departures();
  [[nodiscard]] std::vector<JourneyAssumption> take_assumptions();
  /// After frames went in circles: whatever is still under way ends here, undecided.
  void give_up();

  void listen(std::uint32_t host, const Socket& socket);
  [[nodiscard]] std::uint32_t new_number() { return next_packet_++; }
  [[nodiscard]] host::State& state(std::uint32_t host) { return stack(host).state; }
  [[nodiscard]] const std::vector<JourneyEnd>& ends() const { return ends_; }
  [[nodiscard]] const std::vector<Departure>& departures() const { return departures_; }

 private:
  /// A stack with the state it refers to; made when first touched.
  struct Place {
    explicit Place(std::uint32_t number, Journey& journey);
    host::State state;
    Stack stack;
  };

  Stack& stack(std::uint32_t host);
  /// Something to do for a namespace, which gets its turn behind those that have work already.
  void give(std::uint32_t host, Work work);
  /// Let one namespace work, and carry what leaves it to the other ends.
  bool work(std::uint32_t host);
  void carry(Handover handover);
  /// Decide about the neighbour that was asked for last, of those that packets wait for: an earlier
  /// question may be in one of these, in a tunnel. False: there is none.
  bool settle_neighbour();
  void fail_neighbour(std::uint32_t host, link::NeighbourState::Entry& entry);
  struct Unanswered {
    std::uint32_t cause_host = 0;
    Cause cause;
    const Packet* unheard = nullptr;  ///< of ends_
  };
  /// Where an ARP request went into a namespace that was not read: there somebody may answer it.
  [[nodiscard]] const JourneyEnd* end_not_read(std::uint32_t request) const;
  /// Why nobody answered the ARP request that `waiting` waits for: what whoever has the address
  /// made of it, or else the most telling end of it or of its answer.
  [[nodiscard]] Unanswered why_unanswered(std::uint32_t request, std::uint32_t host,
                                          const Packet& waiting) const;
  [[nodiscard]] bool left_machine(std::uint32_t packet) const;

  /// Neighbours of one namespace that are asked for: again, or given up.
  void ask_again(std::uint32_t host);

  const host::Machine& machine_;
  Chance& chance_;
  StepTrace& trace_;
  Asking asking_;
  std::int64_t now_ms_ = 0;
  std::vector<std::unique_ptr<Place>> places_;  ///< by host
  std::deque<std::uint32_t> ready_;             ///< namespaces with work, each once, by turns
  std::vector<JourneyEnd> ends_;
  std::vector<Departure> departures_;
  std::uint32_t next_packet_ = 1;
  std::uint32_t budget_ = 20'000;  ///< packets; more is a loop of bridges or tunnels
};

}  // namespace wayout::path
