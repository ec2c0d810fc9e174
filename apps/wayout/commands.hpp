// The commands of the program: their options, and what runs them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace wayout {

inline constexpr int exit_usage = 2;

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

void add_why(CLI::App& app, WhyOptions& options);
int run_why(const WhyOptions& options);

void add_snapshot(CLI::App& app, SnapshotOptions& options);
int run_snapshot(const SnapshotOptions& options);

}  // namespace wayout
