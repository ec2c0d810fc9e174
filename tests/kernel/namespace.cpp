#include "namespace.hpp"

#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace wayout::kernel {
namespace {

constexpr std::string_view sysctl_word = "sysctl ";

void write_sysctl(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  std::ofstream file("/proc/sys/" + std::string(assignment.substr(0, equals)));
  file << assignment.substr(equals + 1);
}

}  // namespace

std::string enter_new_namespace() {
  if (unshare(CLONE_NEWNET) == 0) return "";
  return std::string("no network namespace: ") + std::strerror(errno);
}

bool kernel_is_required() {
  const char* value = std::getenv("WAYOUT_REQUIRE_KERNEL");
  return value != nullptr && std::string_view(value) == "1";
}

void run_all(const std::vector<std::string>& lines) {
  std::FILE* batch = nullptr;
  for (const std::string& line : lines) {
    if (line.starts_with(sysctl_word)) {
      if (batch != nullptr) pclose(batch);
      batch = nullptr;
      write_sysctl(std::string_view(line).substr(sysctl_word.size()));
      continue;
    }
    if (batch == nullptr) batch = popen("ip -force -batch - >/dev/null 2>&1", "w");
    if (batch == nullptr) return;
    std::fprintf(batch, "%s\n", line.c_str());
  }
  if (batch != nullptr) pclose(batch);
}

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  pclose(pipe);
  return text;
}

int read_sysctl(std::string_view path) {
  std::ifstream file("/proc/sys/" + std::string(path));
  int value = 0;
  file >> value;
  return value;
}

}  // namespace wayout::kernel
