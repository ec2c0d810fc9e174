#include "host/live/containers.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "host/escape.hpp"
#include "host/live/command.hpp"
#include "host/live/http.hpp"

namespace wayout::host::live {

using nlohmann::json;

namespace {

/// A member of an object as a string or number; a default for anything else.
template <class T>
T member(const json& object, const char* key, T absent) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end()) return absent;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->get<std::string>() : absent;
  } else {
    return found->is_number_unsigned() ? found->get<T>() : absent;
  }
}

/// What docker's API and `docker inspect` call a name begins with a slash.
std::string without_slash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

Container inspected(const json& object, std::string runtime) {
  Container container;
  container.runtime = std::move(runtime);
  container.id = member(object, "Id", std::string());
  container.name = without_slash(member(object, "Name", std::string()));
  if (object.is_object() && object.contains("State"))
    container.pid = member(object["State"], "Pid", std::uint32_t{0});
  if (object.is_object() && object.contains("HostConfig"))
    container.joined =
        member(object["HostConfig"], "NetworkMode", std::string()).starts_with("container:");
  return container;
}

/// The first of the `Names` of a list entry.
std::string listed_name(const json& object) {
  const auto names = object.find("Names");
  if (names == object.end() || !names->is_array() || names->empty() || !names->front().is_string())
    return {};
  return without_slash(names->front().get<std::string>());
}

std::optional<std::string> unix_socket_in(const char* variable) {
  constexpr std::string_view scheme = "unix://";
  const char* value = std::getenv(variable);
  if (value == nullptr || !std::string_view(value).starts_with(scheme)) return std::nullopt;
  return std::string(std::string_view(value).substr(scheme.size()));
}

std::vector<std::string> matching(const char* pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern, 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

/// Sockets to try: those named by the environment, the system's, the users'.
std::vector<std::string> sockets() {
  std::vector<std::string> candidates;
  for (const char* variable : {"DOCKER_HOST", "CONTAINER_HOST"})
    if (const auto path = unix_socket_in(variable)) candidates.push_back(*path);
  for (const char* path : {"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"})
    candidates.emplace_back(path);
  if (const char* directory = std::getenv("XDG_RUNTIME_DIR"))
    for (const char* name : {"/docker.sock", "/podman/podman.sock"})
      candidates.push_back(std::string(directory) + name);
  for (const char* pattern : {"/run/user/*/docker.sock", "/run/user/*/podman/podman.sock"})
    for (std::string& path : matching(pattern))
      candidates.push_back(std::move(path));

  std::vector<std::string> existing;
  for (const std::string& path : candidates) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    if (!error && std::ranges::find(existing, real.string()) == existing.end())
      existing.push_back(real.string());
  }
  return existing;
}

class Finder {
 public:
  Containers find() {
    for (const std::string& socket : sockets())
      ask_socket(socket);
    ask_tool("docker", "/run/docker");
    ask_tool("podman", "/run/containers/storage");
    std::ranges::stable_sort(result_.list, {}, &Container::joined);
    return std::move(result_);
  }

 private:
  void ask_socket(const std::string& socket) {
    if (access(socket.c_str(), R_OK | W_OK) != 0) {
      result_.problems.push_back(socket + ": permission denied");
      return;
    }
    Result<Response> list = http_get(socket, "/containers/json?all=1");
    if (!list || list->status != 200) {
      result_.problems.push_back(list ? fmt::format("{}: HTTP status {}", socket, list->status)
                                      : escaped(list.error().text()));
      return;
    }
    const std::string runtime = list->from_podman ? "podman" : "docker";
    answered_.push_back(runtime);
    const json parsed = json::parse(list->body, nullptr, false);
    if (!parsed.is_array()) {
      result_.problems.push_back(socket + ": the list of containers is not JSON");
      return;
    }
    for (const json& entry : parsed) {
      const Result<void> added = add_listed(socket, runtime, entry);
      if (added) continue;
      // Who is silent once would be silent for every container.
      result_.problems.push_back(escaped(added.error().text()));
      return;
    }
  }

  /// The list does not say the process; inspecting does. Fails when the socket does not answer.
  Result<void> add_listed(const std::string& socket, const std::string& runtime,
                          const json& entry) {
    const std::string id = member(entry, "Id", std::string());
    if (id.empty() || id.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
    Container container{runtime, id, listed_name(entry)};
    const std::string state = member(entry, "State", std::string());
    if (state != "exited" && state != "created") {
      Result<Response> answer = http_get(socket, "/containers/" + id + "/json");
      if (!answer) return answer.error();
      if (answer->status == 200)
        container = inspected(json::parse(answer->body, nullptr, false), runtime);
    }
    add(std::move(container));
    return {};
  }

  void add(Container container) {
    const auto same = [&](const Container& other) { return other.id == container.id; };
    if (std::ranges::none_of(result_.list, same)) result_.list.push_back(std::move(container));
  }

  /// `used`: a directory that is there when the runtime has run since boot.
  void ask_tool(const std::string& runtime, const char* used) {
    std::error_code error;
    if (std::ranges::find(answered_, runtime) != answered_.end() || !find_program(runtime) ||
        !std::filesystem::exists(used, error))
      return;
    const auto ids = run_tool({runtime, "ps", "--all", "--quiet", "--no-trunc"});
    if (!ids) return;
    std::vector<std::string> command = {runtime, "inspect", "--type", "container"};
    for_each_line(*ids, [&](std::string_view id, std::size_t) {
      if (!id.empty()) command.emplace_back(id);
      return true;
    });
    if (command.size() == 4) return;
    const auto list = run_tool(command);
    const json parsed = list ? json::parse(*list, nullptr, false) : json();
    if (!parsed.is_array()) return;
    for (const json& entry : parsed)
      add(inspected(entry, runtime));
  }

  std::optional<std::string> run_tool(const std::vector<std::string>& argv) {
    using std::chrono::seconds;
    const Result<Output> output =
        run(argv, {seconds(10), std::size_t{64} << 20},
            {"HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST"});
    if (output && output.value().exit_status == 0) return output.value().out;
    const std::string& complaint = output ? output.value().err : output.error().message;
    result_.problems.push_back(
        fmt::format("{}: {}", argv.front(), escaped(complaint.substr(0, complaint.find('\n')))));
    return std::nullopt;
  }

  Containers result_;
  std::vector<std::string> answered_;  ///< runtimes whose socket gave a list
};

}  // namespace

Containers find_containers() {
  return Finder().find();
}

}  // namespace wayout::host::live
