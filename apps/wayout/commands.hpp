// The commands of the program: their options, and what runs them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace wayout {

inline constexpr int exit_usage = 2, exit_undecided = 3;

/// Writes all of it to standard output. False, and a line to standard error, when that fails (no
/// space left, closed): half an answer must not pass for one.
[[nodiscard]] bool write_out(const std::string& text);

/// One line to standard error, with nothing in it that a terminal obeys. Where that is closed or full
/// the line is lost; the exit status says it all the same.
void complain(const std::string& message);
/// The same, and the exit status of a usage error.
[[nodiscard]] int fail(const std::string& message);

/// CLI11's check of an argument that names a directory: "" when it is right.
[[nodiscard]] std::string names_something(const std::string& argument);

struct WhyOptions {
  std::string from, to;
  std::string proto;
  std::optional<std::uint16_t> dport, sport;
  std::uint32_t size_bytes = 0;
  bool dont_fragment = false;
  std::string snapshot;   ///< a directory; empty: this machine, live
  bool explain = false;
  bool json = false;
};

struct SnapshotOptions {
  std::string directory;
  bool script = false;
};

struct ReplayOptions {
  std::string snapshot;
  std::vector<std::string> inputs;   ///< DEV=FILE
  std::string output;
  std::uint64_t seed = 1;
  bool explain = false;
};

void add_why(CLI::App& app, WhyOptions& options);
int run_why(const WhyOptions& options);

void add_snapshot(CLI::App& app, SnapshotOptions& options);
int run_snapshot(const SnapshotOptions& options);

void add_replay(CLI::App& app, ReplayOptions& options);
int run_replay(const ReplayOptions& options);

}  // namespace wayout
