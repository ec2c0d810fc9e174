// A network namespace that belongs to the test and goes with it: the process itself moves into it,
// so there is no name to clean up, and whatever it runs is in there too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wayout::kernel {

/// Move this process into a new, empty network namespace; the one it was in, if it was made here,
/// ends. Returns the reason why it could not, or "".
[[nodiscard]] std::string enter_new_namespace();

/// True when a test that cannot run must fail instead of skipping (WAYOUT_REQUIRE_KERNEL=1).
[[nodiscard]] bool kernel_is_required();

/// Run each line in this namespace: `sysctl KEY=VALUE`, where KEY is relative to /proc/sys, or
/// anything else as arguments of `ip`. Lines that the kernel refuses are passed over.
void run_all(const std::vector<std::string>& lines);

/// What a command prints on standard output; "" when it cannot be run.
[[nodiscard]] std::string output_of(const std::string& command);

/// A file under /proc/sys as a number; 0 when it is not there.
[[nodiscard]] int read_sysctl(std::string_view path);

}  // namespace wayout::kernel

/// In a test's body: be in a new namespace, or skip (fail when the kernel is required).
#define WAYOUT_NEEDS_NAMESPACE()                                                        \
  if (const std::string reason = wayout::kernel::enter_new_namespace(); !reason.empty()) { \
    if (wayout::kernel::kernel_is_required()) FAIL() << reason;                         \
    GTEST_SKIP() << reason;                                                             \
  }
