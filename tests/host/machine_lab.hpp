// Namespaces with names of their own, and what is configured in them, for tests that read a
// machine.
//
// The process itself is in a namespace made for the test (the "host"); the others are named ones of
// `ip netns`, with the process id in their names, and are deleted with the lab. Their names are seen
// by the test alone, so that they end with it however it ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace wayout::host {

class MachineLab {
 public:
  MachineLab();
  ~MachineLab();
  MachineLab(const MachineLab&) = delete;
  MachineLab& operator=(const MachineLab&) = delete;

  /// A new named namespace; returns its whole name.
  std::string add(const std::string& name);
  /// Run a command line; fails the test when it fails. `@name` stands for the namespace of that
  /// name.
  void run(const std::string& line);
  /// The same; returns the command when it failed, "" when it did not.
  std::string try_run(const std::string& line);
  /// A process that sleeps in the namespace until the lab ends.
  pid_t sleep_in(const std::string& name);

  [[nodiscard]] static std::string full_name(const std::string& name);

 private:
  [[nodiscard]] static std::string expanded(const std::string& line);
  std::vector<std::string> names_;
  std::vector<pid_t> sleepers_;
};

}  // namespace wayout::host
