#include "machine_lab.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace wayout::host {

namespace {

/// A directory of named namespaces that only this process and its children see: what a test that
/// was killed leaves there goes with its process, and nobody else's names are read along.
void own_names() {
  constexpr const char* names = "/run/netns";
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  if (mkdir(names, 0755) != 0) {
    ASSERT_EQ(errno, EEXIST);
  }
  ASSERT_EQ(mount("tmpfs", names, "tmpfs", 0, nullptr), 0);
}

}  // namespace

MachineLab::MachineLab() {
  static const bool once = (own_names(), true);
  static_cast<void>(once);
}

MachineLab::~MachineLab() {
  for (const pid_t sleeper : sleepers_) {
    kill(sleeper, SIGKILL);
    waitpid(sleeper, nullptr, 0);
  }
  for (const std::string& name : names_)
    if (std::system(("ip netns del " + name).c_str()) != 0)
      ADD_FAILURE() << "cannot delete " << name;
}

std::string MachineLab::full_name(const std::string& name) {
  return fmt::format("lab{}-{}", getpid(), name);
}

std::string MachineLab::add(const std::string& name) {
  run("ip netns add " + full_name(name));
  names_.push_back(full_name(name));
  run(fmt::format("ip -n {} link set lo up", full_name(name)));
  return full_name(name);
}

/// `@a` → `lab123-a`, up to the end of the word.
std::string MachineLab::expanded(const std::string& line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '@') {
      result += full_name("");
    } else {
      result += line[i];
    }
  }
  return result;
}

std::string MachineLab::try_run(const std::string& line) {
  const std::string command = expanded(line);
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0 ? "" : command;
}

void MachineLab::run(const std::string& line) {
  EXPECT_EQ(try_run(line), "");
}

pid_t MachineLab::sleep_in(const std::string& name) {
  const int file = open(("/run/netns/" + full_name(name)).c_str(), O_RDONLY);
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it holds the test's output open
    const bool entered = setns(file, CLONE_NEWNET) == 0;
    if (write(ready[1], &entered, sizeof entered) != sizeof entered) _exit(1);
    ::sleep(600);
    _exit(0);
  }
  bool entered = false;
  EXPECT_EQ(read(ready[0], &entered, sizeof entered), static_cast<ssize_t>(sizeof entered));
  EXPECT_TRUE(entered);
  for (const int fd : {file, ready[0], ready[1]})
    close(fd);
  sleepers_.push_back(child);
  return child;
}

}  // namespace wayout::host
