// A service over HTTP: the only place that knows sockets.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "headstart/serve.h"

namespace headstart::app {

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                                     // 0: any that is free
  std::size_t maximum_bytes = std::size_t{32} << 20U;  // of a request
  std::size_t maximum_pictures = 64;
};

// Answers until stop_requested(), with a line on stderr for every request; calls `listening` with the page's
// address as soon as requests can come. Throws Error when it cannot listen.
void serve_http(Service& service, const HttpOptions& options,
                const std::function<void(const std::string& address)>& listening);

}  // namespace headstart::app
