#include "weights/http_server.h"

#include <array>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "headstart/error.h"

namespace headstart::test {

HttpServer::HttpServer(std::string content)
    : content_(std::move(content)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, plain, size) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, plain, &size) != 0) {
    throw Error("[test] no local server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  stop_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::string HttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/weights.bin"; }

void HttpServer::serve() {
  while (!stop_) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection >= 0) {
      answer(connection);
      ::close(connection);
    }
  }
}

void HttpServer::answer(int connection) {
  std::string request;
  std::array<char, 4096> buffer{};
  while (request.find("\r\n\r\n") == std::string::npos) {
    const auto received = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (received <= 0) {
      return;
    }
    request.append(buffer.data(), static_cast<std::size_t>(received));
  }
  requests_.push_back(request);
  std::size_t first = 0;
  if (const auto range = request.find("Range: bytes="); behaviour_.ranges && range != std::string::npos) {
    first = std::strtoull(request.c_str() + range + 13, nullptr, 10);
  }
  int status = behaviour_.status;
  std::string extra;
  if (status == 200 && first > 0) {
    status = first < content_.size() ? 206 : 416;
    extra = "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(content_.size() - 1) +
            "/" + std::to_string(content_.size()) + "\r\n";
  }
  const auto body = status == 200 || status == 206 ? content_.substr(first) : std::string("no");
  const auto response = "HTTP/1.1 " + std::to_string(status) + " x\r\n" + extra +
                        "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                        body.substr(0, behaviour_.cut_after);
  std::size_t sent = 0;
  while (sent < response.size()) {
    const auto now = ::send(connection, response.data() + sent, response.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) {
      return;
    }
    sent += static_cast<std::size_t>(now);
  }
}

}  // namespace headstart::test
