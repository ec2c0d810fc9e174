// Running the standard tools of the machine and taking what they print.
//
// No shell is involved: an argument vector, a fixed PATH, a clean environment, no standard input, a
// time limit. A command runs in the network namespace of the thread that calls.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/file.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

/// Where the system's tools are; the caller's PATH does not count.
[[nodiscard]] std::optional<std::string> find_program(const std::string& name);

struct Output {
  int exit_status = 0;  ///< as in a shell: 128 + signal when it was killed
  std::string out, err;
};

struct Limits {
  std::chrono::milliseconds time{120'000};  ///< 100,000 rules in one nft chain take it 30 s
  std::size_t out_bytes = std::size_t{1} << 30;
};

/// Run argv[0], found with find_program(), to its end. `pass_environment`: names of variables that
/// it may see besides PATH and LC_ALL. Fails when the program is not there, cannot be started, or
/// goes over a limit (it is killed then); an exit status other than 0 is no failure here.
[[nodiscard]] Result<Output> run(const std::vector<std::string>& argv, const Limits& limits = {},
                                 const std::vector<std::string>& pass_environment = {});

/// What the command prints, under its command line as a name; nothing when the program is not
/// installed. Fails also when it exits with another status than 0, with its first complaint.
[[nodiscard]] Result<std::optional<File>> listing(const std::vector<std::string>& argv);

}  // namespace wayout::host::live
