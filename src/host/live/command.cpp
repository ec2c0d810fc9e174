#include "host/live/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "host/escape.hpp"
#include "host/live/descriptor.hpp"

namespace wayout::host::live {

namespace {

constexpr std::array directories = {"/usr/sbin",
                                    "/usr/bin",
                                    "/sbin",
                                    "/bin",
                                    "/usr/local/sbin",
                                    "/usr/local/bin",
                                    "/run/current-system/sw/bin"};

struct Pipe {
  Descriptor read, write;
};

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> environment(const std::vector<std::string>& pass) {
  std::vector<std::string> result = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  for (const std::string& name : pass)
    if (const char* value = std::getenv(name.c_str())) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings)
    result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

/// The process, in a process group of its own; or the errno as a negative number.
pid_t spawn(const std::string& program, std::vector<std::string> argv,
            std::vector<std::string> variables, const Pipe& out, const Pipe& err) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err.write.get(), STDERR_FILENO);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  sigset_t no_signals;
  sigemptyset(&no_signals);
  posix_spawnattr_setsigmask(&attributes, &no_signals);
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &files, &attributes, pointers(argv).data(),
                                pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0 ? child : -error;
}

/// Read what is there; false at the end.
bool drain(const Descriptor& from, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t length = read(from.get(), buffer.data(), buffer.size());
  if (length < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer.data(), static_cast<std::size_t>(length));
  return length > 0;
}

/// Both streams to their ends, and the process to its own: it may close them and go on. Returns
/// what went wrong, or nullptr.
const char* follow(const Descriptor& process, Pipe& out, Pipe& err, const Limits& limits,
                   Output& output) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + limits.time;
  bool running{process}, out_open = true, err_open = true;  // before Linux 5.3 there is no pidfd
  while (running || out_open || err_open) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return "took too long";
    pollfd polled[3] = {{out_open ? out.read.get() : -1, POLLIN, 0},
                        {err_open ? err.read.get() : -1, POLLIN, 0},
                        {running ? process.get() : -1, POLLIN, 0}};
    if (poll(polled, 3, static_cast<int>(left.count())) < 0 && errno != EINTR) return "poll failed";
    if (polled[0].revents != 0) out_open = drain(out.read, output.out);
    if (polled[1].revents != 0) err_open = drain(err.read, output.err);
    if (polled[2].revents != 0) running = false;
    if (output.out.size() + output.err.size() > limits.out_bytes) return "printed too much";
  }
  return nullptr;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  for (const char* directory : directories) {
    std::string path = std::string(directory) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

Result<Output> run(const std::vector<std::string>& argv, const Limits& limits,
                   const std::vector<std::string>& pass_environment) {
  const auto failed = [&](std::string_view why) {
    return Error{"", 0, 0, fmt::format("`{}` {}", fmt::join(argv, " "), why)};
  };
  const auto program = find_program(argv.front());
  if (!program) return failed("is not installed");
  auto out = make_pipe(), err = make_pipe();
  if (!out || !err) return failed(std::strerror(errno));
  const pid_t child = spawn(*program, argv, environment(pass_environment), *out, *err);
  if (child < 0) return failed(std::strerror(-child));
  out->write.close();
  err->write.close();

  Output output;
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  const char* problem = follow(process, *out, *err, limits, output);
  if (problem != nullptr) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (problem != nullptr) return failed(problem);
  output.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

Result<std::optional<File>> listing(const std::vector<std::string>& argv) {
  if (!find_program(argv.front())) return std::optional<File>{};
  Result<Output> output = run(argv);
  if (!output) return output.error();
  const std::string name = fmt::format("`{}`", fmt::join(argv, " "));
  if (output->exit_status != 0)
    return Error{"", 0, 0,
                 fmt::format("{} failed with status {}: {}", name, output->exit_status,
                             escaped(first_line(output->err)))};
  return std::optional<File>(File{name, std::move(output->out)});
}

}  // namespace wayout::host::live
