#include <cstdio>

#include <fmt/format.h>

#include "commands.hpp"
#include "host/collect.hpp"
#include "host/escape.hpp"

namespace wayout {

void add_snapshot(CLI::App& app, SnapshotOptions& o) {
  CLI::App* snapshot = app.add_subcommand("snapshot", "Write how this machine is configured");
  auto* directory = snapshot->add_option("-o,--output", o.directory, "Directory to write, made if missing")
                        ->default_str("wayout-snapshot");
  snapshot->add_flag("--script", o.script, "Print a shell script that collects the same instead")
      ->excludes(directory);
}

int run_snapshot(const SnapshotOptions& o) {
  if (o.script) {
    const std::string script = host::snapshot_script();
    std::fwrite(script.data(), 1, script.size(), stdout);
    return 0;
  }
  const std::string directory = o.directory.empty() ? "wayout-snapshot" : o.directory;
  const Result<void> written = host::write_snapshot(directory);
  if (!written) {
    fmt::print(stderr, "wayout: {}\n", host::escaped(written.error().text()));
    return exit_usage;
  }
  fmt::print("{}\n", directory);
  return 0;
}

}  // namespace wayout
