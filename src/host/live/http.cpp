#include "host/live/http.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>

namespace wayout::host::live {

namespace {

constexpr std::size_t largest_body_bytes = std::size_t{64} << 20;

std::size_t take_body(const char* bytes, std::size_t size, std::size_t count, void* response) {
  std::string& body = static_cast<Response*>(response)->body;
  if (body.size() + size * count > largest_body_bytes) return 0;
  body.append(bytes, size * count);
  return size * count;
}

std::size_t take_header(const char* bytes, std::size_t size, std::size_t count, void* response) {
  std::string line(bytes, size * count);
  std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
  if (line.find("libpod") != std::string::npos)
    static_cast<Response*>(response)->from_podman = true;
  return size * count;
}

/// libcurl wants this once, before threads are made.
bool initialize() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

}  // namespace

Result<Response> http_get(const std::string& socket, const std::string& path,
                          std::chrono::milliseconds time) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(
      initialize() ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!curl) return Error{socket, 0, 0, "libcurl cannot be used"};
  Response response;
  const std::string url = "http://localhost" + path;
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(time.count()));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &response);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return Error{socket, 0, 0, curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

}  // namespace wayout::host::live
