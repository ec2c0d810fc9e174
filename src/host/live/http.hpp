// One HTTP request over a unix socket.
#pragma once

#include <chrono>
#include <string>

#include "wayout/result.hpp"

namespace wayout::host::live {

struct Response {
  int status = 0;
  std::string body;
  bool from_podman = false;  ///< the answer says that libpod made it
};

/// GET `path` from the server at `socket`. Fails when the whole answer is not there in `time`; a
/// status other than 200 is no failure here.
[[nodiscard]] Result<Response> http_get(const std::string& socket, const std::string& path,
                                        std::chrono::milliseconds time = std::chrono::seconds(5));

}  // namespace wayout::host::live
