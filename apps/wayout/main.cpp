// wayout: arguments in, rooms asked, words out. Exit codes are part of the contract (wayout(1)).
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"

namespace {

/// CLI11's own codes become the contract's: help and version 0, every usage error 2 in one line.
int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  fmt::print(stderr, "wayout: {}\n", error.what());
  return wayout::exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Where a container's packet ends, why, and what lifts it.", "wayout"};
  app.set_version_flag("--version", fmt::format("wayout {}", WAYOUT_VERSION));
  app.set_help_flag("-h,--help", "Show this help and exit");
  app.require_subcommand(1);
  app.footer("wayout COMMAND --help tells about a command; man wayout tells everything.");

  wayout::WhyOptions why;
  wayout::SnapshotOptions snapshot;
  wayout::add_why(app, why);
  wayout::add_snapshot(app, snapshot);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  }
  if (app.got_subcommand("why")) return wayout::run_why(why);
  return wayout::run_snapshot(snapshot);
}
