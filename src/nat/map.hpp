// Choosing the translated tuple: SNAT, DNAT, MASQUERADE, REDIRECT, NETMAP are all one request to
// the same search, with different ranges (nf_nat_setup_info, get_unique_tuple).
//
// Here a connection is mapped once, before it is confirmed. Rewriting the packets that follow is
// translate.hpp; what ends a masqueraded connection is lifetime.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "conntrack/table.hpp"
#include "nat/range.hpp"
#include "packet/chance.hpp"
#include "packet/ids.hpp"

namespace wayout::nat {

enum class Manip : std::uint8_t { source = 0, destination = 1 };

constexpr Manip opposite(Manip m) {
  return m == Manip::source ? Manip::destination : Manip::source;
}

/// The type of mapping a hook makes: PREROUTING and OUTPUT destination, INPUT and POSTROUTING
/// source.
constexpr Manip manip_of(Hook hook) {
  return hook == Hook::prerouting || hook == Hook::output ? Manip::destination : Manip::source;
}

/// True when the connection's mapping of this kind is set, by a rule or as null binding: the rules
/// are not asked again. Linux: nf_nat.h nf_nat_initialized.
[[nodiscard]] bool is_mapped(const conntrack::Connection& connection, Manip manip);

/// Set the connection's mapping of this kind, as `by` (a rule, if it is one) asks. Returns false
/// when the connection is confirmed already: nothing can be set any more.
/// Linux: net/netfilter/nf_nat_core.c nf_nat_setup_info.
/// Changes: the connection's reply tuple, status, rule and ports_exhausted. A finished TCP
///   connection that blocks the last ports may be erased; where its sequence numbers are not known,
///   chance is asked.
bool setup(conntrack::Table& table, ConnectionId connection, const Range& range, Manip manip,
           std::optional<RuleRef> by, Chance& chance, std::int64_t now_ms);

/// The mapping made when no rule made one: to itself, which still moves the source port when that
/// is taken. Linux: nf_nat_core.c nf_nat_alloc_null_binding.
void null_binding(conntrack::Table& table, ConnectionId connection, Manip manip, Chance& chance,
                  std::int64_t now_ms);

}  // namespace wayout::nat
