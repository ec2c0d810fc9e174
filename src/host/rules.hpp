// The iptables rules of a namespace, from one or several files.
#pragma once

#include <string>

#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// What iptables-save, -S or -L printed, into host.netfilter.rulesets and host.rule_files.
/// `backend`: whose they are if the text does not say it. When rules of the same backend were read
/// before, these are the same once more and are not added, but for tables that a listing did not
/// show.
[[nodiscard]] Result<void> add_rules(const File& file, netfilter::Backend backend, Host& host);
/// The same of -S or -L, which always print something.
[[nodiscard]] Result<void> add_listed_rules(const File& file, Host& host);

/// Once, when all files are read: with tables of both backends, whose order of registration cannot
/// be seen, note that (Netfilter::unknown_order) and what is assumed.
void note_rule_order(Host& host);

/// Of a snapshot that was put together by hand: a save without tables may be what a command that
/// failed has left, and is told.
void note_empty_saves(Host& host);

/// Once, when nft's tables are read, too: what may be in those of iptables that no listing showed.
void add_rules_not_shown(Host& host);

}  // namespace wayout::host
