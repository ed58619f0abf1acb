// A little HTTP server on 127.0.0.1 for one file, with ranges and with faults on request.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace headstart::test {

class HttpServer {
 public:
  struct Behaviour {
    bool ranges = true;                       // answers Range with 206
    std::size_t cut_after = ~std::size_t{0};  // closes the connection after that many bytes of the body
    int status = 200;
  };

  explicit HttpServer(std::string content);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;
  void behave(Behaviour behaviour) { behaviour_ = behaviour; }            // before the next request
  const std::vector<std::string>& requests() const { return requests_; }  // after it was answered

 private:
  void serve();
  void answer(int connection);

  std::string content_;
  Behaviour behaviour_{};
  std::vector<std::string> requests_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace headstart::test
