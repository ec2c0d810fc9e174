// The commands of a snapshot and the files they fill.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wayout::host::collect {

/// When a command may run.
enum class Condition {
  always,
  legacy_v4,  ///< /proc/net/ip_tables_names says that tables are there: the tool would make them
  legacy_v6,
  other_nft,  ///< iptables-save is not the one of nf_tables, whose rules would be saved twice
  ebtables,   ///< a table of legacy ebtables is loaded: the tool would load them
};

struct Command {
  std::string file;
  std::vector<std::string> argv;
  Condition condition = Condition::always;
};

/// The same in plain text, for tools too old to know -json; nothing where there is no such form.
[[nodiscard]] std::optional<Command> plain_form(const Command& command);

/// In the order in which they run. Not here: tc-filter.txt, one command for every device and
/// direction that has filters.
[[nodiscard]] std::span<const Command> commands();

}  // namespace wayout::host::collect
