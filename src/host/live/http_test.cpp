#include "host/live/http.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace wayout::host::live {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A unix socket that takes one connection, says `answer` to it, and closes it or is silent.
class Server {
 public:
  Server(std::string answer, bool closes) {
    char directory[] = "/tmp/wayout-http-XXXXXX";
    EXPECT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    thread_ = std::thread([this, answer = std::move(answer), closes] {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      char request[4096];
      static_cast<void>(!read(client, request, sizeof request));
      static_cast<void>(!write(client, answer.data(), answer.size()));
      if (!closes) static_cast<void>(!read(client, request, sizeof request));  // until it goes
      close(client);
    });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path().c_str());
    rmdir(directory_.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string path() const { return directory_ + "/socket"; }

 private:
  std::string directory_;
  int listener_ = -1;
  std::thread thread_;
};

TEST(Http, AnAnswerIsItsStatusAndBody) {
  const Server server(
      "HTTP/1.1 404 Not Found\r\nServer: Libpod/4.3.1 (linux)\r\n"
      "Content-Length: 5\r\n\r\nhello",
      true);
  const Result<Response> response = http_get(server.path(), "/x");
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response.value().status, 404);
  EXPECT_EQ(response.value().body, "hello");
  EXPECT_TRUE(response.value().from_podman);
}

TEST(Http, WhoIsSilentIsNotWaitedForLong) {
  for (const char* said : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    const Server server(said, false);
    const Clock::time_point begin = Clock::now();
    const Result<Response> response = http_get(server.path(), "/x", milliseconds(200));
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5)) << said;
    ASSERT_FALSE(response) << said;
    EXPECT_THAT(response.error().text(), testing::StartsWith(server.path() + ": ")) << said;
  }
}

TEST(Http, WhatIsNotHttpIsAnError) {
  const Server server("220 mail.example ESMTP\r\n", true);
  EXPECT_FALSE(http_get(server.path(), "/x", milliseconds(2000)));
  EXPECT_FALSE(http_get("/no/such/socket", "/x"));
}

}  // namespace
}  // namespace wayout::host::live
