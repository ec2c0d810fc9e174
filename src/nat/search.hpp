// The search for a tuple that is free: address choice by hash, port choice by trying.
#pragma once

#include <cstdint>

#include "conntrack/table.hpp"
#include "nat/map.hpp"
#include "nat/range.hpp"
#include "packet/chance.hpp"

namespace wayout::nat {

/// One request of one connection for a mapping. Linux: nf_nat_core.c get_unique_tuple.
class Search {
 public:
  /// `by`: who asks, to be named where the port found is by chance.
  Search(conntrack::Table& table, ConnectionId id, const Range& range, Manip manip, Cause by,
         Chance& chance, std::int64_t now_ms)
      : table_(table), id_(id), range_(range), manip_(manip), by_(by), chance_(chance),
        now_ms_(now_ms) {}

  struct Result {
    conntrack::Tuple tuple;        ///< in the original direction, translated
    bool ports_exhausted = false;  ///< no free port was found, or the one allowed was not tested
  };
  /// `current`: the inverse of the connection's reply tuple.
  /// When chance explores, a port taken at random stands for all that were free (Chance::let_stand);
  /// a port that stands for several is kept only if all of them may be.
  Result run(const conntrack::Tuple& current);

 private:
  [[nodiscard]] bool is_taken(const conntrack::Tuple& tuple);
  [[nodiscard]] bool is_taken_by_other_flow(const conntrack::Tuple& tuple);
  [[nodiscard]] bool is_taken_for_good(const conntrack::Tuple& tuple);
  [[nodiscard]] bool evict(ConnectionId id);
  struct Ports {
    std::uint32_t first = 0, count = 0;
  };
  [[nodiscard]] bool port_in_range(const conntrack::Tuple& tuple) const;
  [[nodiscard]] bool source_in_range(const conntrack::Tuple& tuple) const;
  bool take_earlier_mapping(conntrack::Tuple& tuple);
  void choose_address(conntrack::Tuple& tuple) const;
  [[nodiscard]] std::uint16_t* port_to_change(conntrack::Tuple& tuple) const;
  bool choose_port(conntrack::Tuple& tuple);
  [[nodiscard]] Ports ports_for(const conntrack::Tuple& tuple, std::uint16_t port) const;
  [[nodiscard]] bool starts_by_chance() const;
  void keep_unknown(conntrack::Tuple tuple, Ports ports);

  conntrack::Table& table_;
  ConnectionId id_;
  const Range& range_;
  Manip manip_;
  Cause by_;
  Chance& chance_;
  std::int64_t now_ms_;
};

}  // namespace wayout::nat
