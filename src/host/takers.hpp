// IPsec, IPVS and ebtables: what else can take a packet on a host. Found, not modelled.
// (tc: tc.hpp; BPF: bpf.hpp; nftables: nft.hpp; XDP and Open vSwitch: finish.hpp.)
#pragma once

#include <string_view>

#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// One IPsec policy into host.unmodelled; `direction` as `ip xfrm policy` has it: in, out, fwd.
void add_ipsec_policy(const wire::Prefix& source, const wire::Prefix& destination,
                      std::string_view direction, Host& host);
/// `ip xfrm policy`; policies of IPv6 and of single sockets are passed over.
[[nodiscard]] Result<void> read_ipsec_policies(const File& file, Host& host);

/// /proc/net/ip_vs: its virtual services and, where they are reached by translation, what their
/// real servers answer.
[[nodiscard]] Result<void> read_ipvs(const File& file, Host& host);

/// `ebtables-save` or `ebtables-legacy-save`: the chains of a table in which anything may do more
/// than accept.
[[nodiscard]] Result<void> read_ebtables(const File& file, Host& host);

}  // namespace wayout::host
