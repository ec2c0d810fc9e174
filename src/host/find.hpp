// Which namespace somebody means by a name.
#pragma once

#include <cstdint>
#include <string_view>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host {

/// Position in machine.hosts of what `who` names: `host`; the name of a container or an `ip netns`;
/// a container id or the beginning of one (at least 4 digits); a pid; or one of these with
/// `docker:`, `podman:`, `netns:` or `pid:` in front, to tell namesakes apart.
/// Fails when nothing fits, or more than one namespace does.
[[nodiscard]] Result<std::uint32_t> find_namespace(const Machine& machine, std::string_view who);

}  // namespace wayout::host
