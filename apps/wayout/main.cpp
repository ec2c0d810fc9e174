// wayout: arguments in, rooms asked, words out. Exit codes are part of the contract (wayout(1)).
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands.hpp"
#include "host/escape.hpp"

namespace {

/// What is missing beside an option that there is not says less than that option.
std::string unknown_option(const CLI::App& app) {
  for (const std::string& word : app.remaining(true))
    if (word.size() > 1 && word.starts_with('-')) return fmt::format("there is no option {}", word);
  return "";
}

/// CLI11's own codes become the contract's: help and version 0, every usage error 2 in one line.
int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    std::ostringstream text;
    app.exit(error, text, text);
    return wayout::write_out(text.str()) ? 0 : wayout::exit_usage;
  }
  const std::string unknown = unknown_option(app);
  return wayout::fail(unknown.empty() ? error.what() : unknown);
}

/// "" when `word` may stand where a command does.
std::string unknown_command(const char* word) {
  const std::string_view text(word);
  if (text.starts_with('-') || text == "why" || text == "snapshot" || text == "replay") return "";
  return fmt::format("there is no command \"{}\": why, snapshot, replay", text);
}

}  // namespace

void wayout::complain(const std::string& message) {
  const std::string line = fmt::format("wayout: {}\n", host::escaped(message));
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

int wayout::fail(const std::string& message) {
  complain(message);
  return exit_usage;
}

bool wayout::write_out(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return true;
  complain(fmt::format("standard output: {}", std::strerror(errno)));
  return false;
}

std::string wayout::names_something(const std::string& argument) {
  return argument.empty() ? "names no directory: it is empty" : "";
}

int main(int argc, char** argv) {
  // Without them the next files that are opened would be taken for them.
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0 && nowhere != STDERR_FILENO) dup2(nowhere, STDERR_FILENO);
  }
  if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
    return wayout::fail("standard output is closed");
  }
  CLI::App app{"Where a container's packet ends, why, and what lifts it.", "wayout"};
  app.set_version_flag("--version", fmt::format("wayout {}", WAYOUT_VERSION));
  app.set_help_flag("-h,--help", "Show this help and exit");
  app.require_subcommand(1);
  app.footer("wayout COMMAND --help tells about a command; man wayout tells everything.");

  wayout::WhyOptions why;
  wayout::SnapshotOptions snapshot;
  wayout::add_why(app, why);
  wayout::add_snapshot(app, snapshot);
  wayout::ReplayOptions replay;
  wayout::add_replay(app, replay);
  if (const std::string problem = argc > 1 ? unknown_command(argv[1]) : ""; !problem.empty())
    return wayout::fail(problem);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  }
  if (app.got_subcommand("why")) return wayout::run_why(why);
  if (app.got_subcommand("replay")) return wayout::run_replay(replay);
  return wayout::run_snapshot(snapshot);
}
