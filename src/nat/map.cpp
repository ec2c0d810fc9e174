#include "nat/map.hpp"

#include "nat/search.hpp"

namespace wayout::nat {
namespace {

using conntrack::Connection;
using conntrack::Status;

constexpr std::uint32_t done_bit(Manip manip) {
  return manip == Manip::source ? Status::source_nat_done : Status::destination_nat_done;
}
constexpr std::uint32_t mapped_bit(Manip manip) {
  return manip == Manip::source ? Status::source_nat : Status::destination_nat;
}

}  // namespace

bool is_mapped(const Connection& connection, Manip manip) {
  return connection.has(done_bit(manip));
}

bool setup(conntrack::Table& table, ConnectionId id, const Range& range, Manip manip,
           std::optional<RuleRef> by, Chance& chance, std::int64_t now_ms) {
  Connection& connection = table[id];
  if (connection.has(Status::confirmed) || is_mapped(connection, manip)) return false;

  const conntrack::Tuple current = *inverse(connection.reply());
  const Cause cause = by ? Cause::rule(*by) : Cause::nat(NatCause::none);
  const Search::Result found = Search(table, id, range, manip, cause, chance, now_ms).run(current);
  if (found.tuple != current) {
    connection.tuples[1] = *inverse(found.tuple);
    connection.status |= mapped_bit(manip);
  }
  connection.status |= done_bit(manip);
  connection.ports_exhausted = found.ports_exhausted;
  (manip == Manip::source ? connection.source_rule : connection.destination_rule) = by;
  if (manip == Manip::source) table.index_by_source(id);
  return true;
}

void null_binding(conntrack::Table& table, ConnectionId id, Manip manip, Chance& chance,
                  std::int64_t now_ms) {
  // The inverse of the reply is where the packet stands: after a destination mapping, if any.
  const conntrack::Tuple& reply = table[id].reply();
  const Range range =
      Range{}.with_address(manip == Manip::source ? reply.destination : reply.source);
  setup(table, id, range, manip, std::nullopt, chance, now_ms);
}

}  // namespace wayout::nat
