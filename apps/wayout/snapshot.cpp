#include "commands.hpp"
#include "host/collect.hpp"

namespace wayout {

void add_snapshot(CLI::App& app, SnapshotOptions& o) {
  CLI::App* snapshot = app.add_subcommand("snapshot", "Write how this machine is configured");
  auto* directory = snapshot->add_option("-o,--output", o.directory, "Directory to write, made if missing")
                        ->default_str("wayout-snapshot")
                        ->check([](const std::string& name) {
                          return name.empty() ? std::string("names no directory: it is empty") : "";
                        });
  snapshot->add_flag("--script", o.script, "Print a shell script that collects the same instead")
      ->excludes(directory);
}

int run_snapshot(const SnapshotOptions& o) {
  if (o.script) {
    const std::string script = host::snapshot_script();
    return write_out(script) ? 0 : exit_usage;
  }
  const std::string directory = o.directory.empty() ? "wayout-snapshot" : o.directory;
  const Result<void> written = host::write_snapshot(directory);
  if (!written) {
    complain(written.error().text());
    return exit_usage;
  }
  return write_out(directory + "\n") ? 0 : exit_usage;
}

}  // namespace wayout
