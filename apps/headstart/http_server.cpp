#include "http_server.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <httplib.h>

#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/text.h"
#include "timed_server.h"

namespace headstart::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kWorkers = 16;  // connections at once; more wait
constexpr int kIdleSeconds = 2;
constexpr std::size_t kRequestsPerConnection = 1000;
constexpr std::chrono::seconds kUploadTime{60};  // a whole body has to be here within
constexpr std::chrono::seconds kEndTime{3};      // what is not answered by then is not answered when it ends
// httplib waits by select(), which knows no larger file descriptors.
constexpr rlim_t kMostDescriptors = 1000;

struct Route {
  std::string_view path, method;
};
constexpr std::array<Route, 5> kRoutes{
    {{"/", "GET"}, {"/health", "GET"}, {"/model", "GET"}, {"/predict", "POST"}, {"/explain", "POST"}}};

// What a body holds, or why it cannot be used.
struct Received {
  std::vector<Upload> uploads{};
  std::optional<Answer> refused{};
  bool whole = true;  // false: the connection cannot go on, for what is left of the body is no request
};

Answer too_large(const HttpOptions& options) {
  return refusal(413, fmt::format("expected at most {} MB a request; received more; send smaller or fewer "
                                  "pictures, or start with a larger --max-size",
                                  options.maximum_bytes >> 20U));
}

std::string media_type(const httplib::Request& request) {
  const std::string value = request.get_header_value("Content-Type");
  return lower(std::string_view(value).substr(0, value.find_first_of("; ")));
}

std::optional<std::size_t> declared_length(const httplib::Request& request) {
  return number_from<std::size_t>(request.get_header_value("Content-Length"));
}

enum class Body { none, declared, malformed };

// By the header alone. What two readers could take for bodies of two lengths is malformed.
Body body_of(const httplib::Request& request) {
  const auto lengths = request.get_header_value_count("Content-Length");
  const auto encodings = request.get_header_value_count("Transfer-Encoding");
  if (lengths + encodings == 0) {
    return Body::none;
  }
  const bool readable = lengths == 1 ? declared_length(request).has_value()
                                     : lower(request.get_header_value("Transfer-Encoding")) == "chunked";
  return readable && lengths + encodings == 1 ? Body::declared : Body::malformed;
}

// Takes a body in piece by piece.
class Collector {
 public:
  explicit Collector(const HttpOptions& options) : options_(options) {}

  // A part of a form: without a file name it is a field, which nobody asks for.
  bool begin(const std::string& name, bool is_picture) {
    keeping_ = is_picture && received.uploads.size() <= options_.maximum_pictures;
    if (keeping_) {
      received.uploads.push_back({.name = name});
    }
    return true;
  }

  bool add(const char* data, std::size_t size) {
    bytes_ += size;
    if (bytes_ > options_.maximum_bytes) {
      received.refused = too_large(options_);
      return false;
    }
    if (Clock::now() - began_ > kUploadTime) {
      received.refused = refusal(
          408,
          fmt::format("expected the whole request within {} s; received a part of it", kUploadTime.count()));
      return false;
    }
    if (keeping_) {
      received.uploads.back().bytes.append(data, size);
    }
    return true;
  }

  Received received{};

 private:
  const HttpOptions& options_;
  Clock::time_point began_ = Clock::now();
  std::size_t bytes_ = 0;
  bool keeping_ = false;
};

// The refusal of a body that httplib could not read to its end.
Answer broken_body(const httplib::Response& response, const HttpOptions& options) {
  if (response.status == 413) {
    return too_large(options);
  }
  if (response.status == 415) {
    return refusal(415, "expected a body without, or with gzip, Content-Encoding; received another");
  }
  return refusal(400, "expected a whole request, with a well-formed body; received a broken one");
}

bool is_picture_type(const std::string& type) {
  return type.starts_with("image/") || type == "application/octet-stream";
}

// The pictures of a body: files of a form, or the body itself.
Received receive(const httplib::Request& request, const httplib::Response& response,
                 const httplib::ContentReader& read, const HttpOptions& options) {
  if (body_of(request) == Body::none) {  // httplib would read until the connection ends
    return {};
  }
  // More than this is not worth reading only to throw it away.
  constexpr std::size_t kDiscarded = 4;
  if (declared_length(request).value_or(0) / kDiscarded > options.maximum_bytes) {
    return {.refused = too_large(options), .whole = false};
  }
  Collector collector(options);
  const auto add = [&](const char* data, std::size_t size) { return collector.add(data, size); };
  const std::string type = media_type(request);
  bool whole = false;
  if (request.is_multipart_form_data()) {
    whole = read(
        [&](const httplib::MultipartFormData& part) {
          return collector.begin(part.filename, !part.filename.empty());
        },
        add);
  } else {
    const bool picture = is_picture_type(type);
    collector.begin(request.has_param("name") ? request.get_param_value("name") : "image", picture);
    whole = read(add);
    if (whole && !picture) {
      collector.received.refused = refusal(
          415,
          fmt::format("expected multipart/form-data with files, or a picture with Content-Type: image/jpeg; "
                      "received {}; with curl: -F image=@photo.jpg",
                      type.empty() ? "no Content-Type" : type));
    }
  }
  Received received = std::move(collector.received);
  received.whole = whole;
  if (!whole && !received.refused) {
    received.refused = broken_body(response, options);
  }
  return received;
}

void set_headers(httplib::Response& response, const Answer& answer, Clock::time_point began) {
  const std::chrono::duration<double, std::milli> taken = Clock::now() - began;
  response.status = answer.status;
  response.set_header("Server-Timing", fmt::format("total;dur={:.1f}", taken.count()));
  if (!answer.note.empty()) {
    response.set_header("Headstart-Note", answer.note);
  }
}

void set_answer(httplib::Response& response, const Answer& answer, Clock::time_point began) {
  set_headers(response, answer, began);
  response.set_content(answer.body, answer.type);
}

// What follows on the connection is the rest of a body: a provider that gives up after its last byte is how
// httplib is told to close.
void set_last_answer(httplib::Response& response, const Answer& answer, Clock::time_point began) {
  set_headers(response, answer, began);
  response.set_header("Connection", "close");
  response.set_content_provider(
      answer.body.size(), answer.type,
      [body = answer.body](std::size_t offset, std::size_t, httplib::DataSink& sink) {
        sink.write(body.data() + offset, body.size() - offset);
        return false;
      });
}

// For the log and for messages: a path is whatever a client sends.
std::string printable(const std::string& path) {
  constexpr std::size_t kLongest = 200;
  std::string text = valid_utf8(path.substr(0, kLongest));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return path.size() > kLongest ? text + "..." : text;
}

// What httplib itself refuses, as JSON.
void explain_refusal(const httplib::Request& request, httplib::Response& response) {
  const auto route = std::find_if(kRoutes.begin(), kRoutes.end(),
                                  [&](const Route& one) { return one.path == request.path; });
  std::string message = "expected a request as HTTP has it; received another";
  if (response.status == 404 && route != kRoutes.end()) {
    response.status = 405;
    response.set_header("Allow", std::string(route->method));
    message = fmt::format("expected {} {}; received {}", route->method, route->path, request.method);
  } else if (response.status == 404) {
    message = fmt::format("expected GET /, /health or /model, or POST /predict or /explain; received {}",
                          printable(request.path));
  } else if (response.status >= 500) {
    message = "the server failed to answer";
  }
  response.set_content(refusal(response.status, message).body, "application/json");
}

void answer_exception(httplib::Response& response, const std::exception_ptr& thrown) {
  Answer answer = refusal(500, "the server failed to answer");
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    answer = refusal(503, "out of memory; send fewer or smaller pictures");
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", without_tag(error.what()));
  } catch (...) {
    fmt::print(stderr, "error: an unknown exception\n");
  }
  set_answer(response, answer, Clock::now());
}

void log_request(const httplib::Request& request, const httplib::Response& response) {
  std::string timing = response.get_header_value("Server-Timing");
  timing.erase(0, timing.find('=') + 1);
  fmt::print(stderr, "{} {} {}{}\n", printable(request.method), printable(request.path), response.status,
             timing.empty() ? "" : fmt::format(" {} ms", timing));
}

// The names by which this machine alone is reached. A page of another site whose name was pointed here (DNS
// rebinding) sends that name; what is no browser may send none.
bool is_local_name(std::string host, const std::string& listened) {
  const auto end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  host = lower(host.substr(0, end));
  return host.empty() || host == "localhost" || host == "127.0.0.1" || host == "[::1]" ||
         host == lower(listened) || host == fmt::format("[{}]", lower(listened));
}

// What a request is refused for before its body is read.
std::optional<Answer> refused_by_header(const httplib::Request& request, bool local,
                                        const std::string& listened) {
  const Body body = body_of(request);
  if (body == Body::malformed) {
    return refusal(400,
                   "expected one Content-Length, a number of bytes, or Transfer-Encoding: chunked; "
                   "received another header");
  }
  if (const std::string host = request.get_header_value("Host"); local && !is_local_name(host, listened)) {
    return refusal(421, fmt::format("expected a request to localhost or 127.0.0.1; received one to {}; start "
                                    "with --host to be reached by other names",
                                    printable(host)));
  }
  const auto& method = request.method;
  if (body == Body::declared && method != "POST" && method != "PUT" && method != "PATCH" &&
      method != "DELETE") {  // httplib leaves it unread, and it must not be taken for a request
    return refusal(400, fmt::format("expected no body with {}; received one", printable(method)));
  }
  return std::nullopt;
}

void add_header_checks(httplib::Server& server, bool local, const std::string& listened) {
  using Handled = httplib::Server::HandlerResponse;
  server.set_pre_routing_handler([local, listened](const httplib::Request& request,
                                                   httplib::Response& response) {
    if (const auto refused = refused_by_header(request, local, listened)) {
      set_last_answer(response, *refused, Clock::now());
      return Handled::Handled;
    }
    const bool known = std::any_of(kRoutes.begin(), kRoutes.end(), [&](const Route& route) {
      return route.path == request.path && route.method == request.method;
    });
    if (known || request.method == "GET" || request.method == "HEAD" || body_of(request) == Body::declared) {
      return Handled::Unhandled;
    }
    response.status = 404;  // here, because httplib would wait for a body
    explain_refusal(request, response);
    return Handled::Handled;
  });
}

void add_pages(httplib::Server& server, const Service& service) {
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_header("Content-Security-Policy",
                        "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; "
                        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'");
    set_answer(response, Service::page(), Clock::now());
  });
  server.Get("/model", [&service](const httplib::Request&, httplib::Response& response) {
    set_answer(response, service.description(), Clock::now());
  });
  server.Get("/health", [](const httplib::Request&, httplib::Response& response) {
    set_answer(response, {.body = "{\"status\": \"ok\"}\n"}, Clock::now());
  });
}

// `compute` turns the pictures of a request into its answer.
template <typename Compute>
httplib::Server::HandlerWithContentReader picture_handler(const HttpOptions& options, Compute compute) {
  return [&options, compute](const httplib::Request& request, httplib::Response& response,
                             const httplib::ContentReader& read) {
    const auto began = Clock::now();
    const Received received = receive(request, response, read, options);
    const Answer answer = received.refused ? *received.refused : compute(request, received.uploads);
    (received.whole ? set_answer : set_last_answer)(response, answer, began);
  };
}

void add_pictures(httplib::Server& server, Service& service, const HttpOptions& options) {
  server.Post("/predict", picture_handler(options, [&service](const httplib::Request&, const auto& uploads) {
                return service.predict(uploads);
              }));
  server.Post(
      "/explain", picture_handler(options, [&service](const httplib::Request& request, const auto& uploads) {
        if (uploads.size() != 1) {
          return refusal(400, uploads.empty()
                                  ? "expected a picture; received none"
                                  : fmt::format("expected one picture; received {}", uploads.size()));
        }
        if (request.has_param("index")) {
          const std::string text = request.get_param_value("index");
          const auto index = number_from<int>(text);
          return index ? service.explain(uploads.front(), *index)
                       : refusal(400, fmt::format("expected the number of a class as index; received {}",
                                                  printable(text)));
        }
        return service.explain(uploads.front(), request.get_param_value("class"));
      }));
}

void configure(httplib::Server& server, const HttpOptions& options) {
  using Handled = httplib::Server::HandlerResponse;
  server.new_task_queue = [] { return new httplib::ThreadPool(kWorkers); };
  // httplib's own would let a second server take the same port.
  server.set_socket_options([](int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(kRequestsPerConnection);
  server.set_keep_alive_timeout(kIdleSeconds);
  server.set_payload_max_length(options.maximum_bytes);
  server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
  // Before a client sends a body that would be refused.
  server.set_expect_100_continue_handler(
      [&options](const httplib::Request& request, httplib::Response& response) {
        if (declared_length(request).value_or(0) <= options.maximum_bytes) {
          return 100;
        }
        set_last_answer(response, too_large(options), Clock::now());
        return response.status;
      });
  server.set_error_handler(
      httplib::Server::HandlerWithResponse([](const httplib::Request& request, httplib::Response& response) {
        if (response.has_header("Content-Type")) {
          return Handled::Unhandled;
        }
        explain_refusal(request, response);
        return Handled::Handled;
      }));
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response,
                                  const std::exception_ptr& thrown) { answer_exception(response, thrown); });
  server.set_logger(log_request);
}

void limit_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > kMostDescriptors) {
    limit.rlim_cur = kMostDescriptors;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Returns the port.
int listen_at(httplib::Server& server, const HttpOptions& options) {
  errno = 0;
  if (options.port == 0) {
    const int port = server.bind_to_any_port(options.host);
    if (port > 0) {
      return port;
    }
  } else if (server.bind_to_port(options.host, options.port)) {
    return options.port;
  }
  const int reason = errno;
  throw Error(fmt::format(
      "[serve] cannot listen on {} port {}{}; choose another --port, 0 for any that is free, "
      "and a --host that is an address of this machine",
      options.host, options.port, reason == 0 ? "" : " (" + std::generic_category().message(reason) + ")"));
}

}  // namespace

void serve_http(Service& service, const HttpOptions& options,
                const std::function<void(const std::string& address)>& listening) {
  limit_descriptors();
  TimedServer server;
  configure(server, options);
  add_pages(server, service);
  add_pictures(server, service, options);
  const int port = listen_at(server, options);
  add_header_checks(server, server.is_local(), options.host);
  const bool ipv6 = options.host.find(':') != std::string::npos;
  listening(fmt::format("http://{}{}{}:{}/", ipv6 ? "[" : "", options.host, ipv6 ? "]" : "", port));
  // A signal only sets a flag; before the server runs, stopping it does nothing.
  const std::jthread watcher([&server](const std::stop_token& done) {
    constexpr std::chrono::milliseconds kPause{50};
    std::optional<Clock::time_point> stopped;
    while (!done.stop_requested()) {
      if (!stopped && stop_requested() && server.is_running()) {
        server.stop();
        stopped = Clock::now();
      }
      if (stopped && Clock::now() - *stopped > kEndTime) {
        server.shut_connections();
      }
      std::this_thread::sleep_for(kPause);
    }
  });
  if (!server.listen_after_bind() && !stop_requested()) {
    throw Error("[serve] the server ended by itself; start it again");
  }
}

}  // namespace headstart::app
