#include "timed_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>

namespace headstart::app {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds kSilence{10};  // between two pieces of a request
constexpr std::chrono::seconds kHeaderTime{10}, kBodyTime{70}, kAnswerTime{60};
constexpr std::chrono::milliseconds kDiscardTime{500};
constexpr std::chrono::milliseconds kSlice{100};  // how long an idle connection does not see the server's end

SteadyTime after(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

bool wait_for(socket_t socket, short event, SteadyTime until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - after({}));
    pollfd wanted{.fd = socket, .events = event, .revents = 0};
    const int ready = ::poll(&wanted, 1, std::max(0, static_cast<int>(left.count())));
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

void name_of(socket_t socket, decltype(::getpeername)& ask, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (ask(socket, plain, &length) == 0 &&
      ::getnameinfo(plain, length, host.data(), host.size(), service.data(), service.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
    ip = host.data();
    port = std::stoi(service.data());
  }
}

// A connection as httplib reads and writes it.
class TimedStream : public httplib::Stream {
 public:
  explicit TimedStream(socket_t socket) : socket_(socket) {}

  bool has_begun(SteadyTime until) const { return begin_ < end_ || wait_for(socket_, POLLIN, until); }
  void expect_header() { until_ = after(kHeaderTime); }
  void expect_body() { until_ = after(kBodyTime); }

  bool is_readable() const override { return has_begun(std::min(until_, after(kSilence))); }
  bool is_writable() const override { return wait_for(socket_, POLLOUT, after(kAnswerTime)); }

  // A connection that is closed before all of it was read takes the answer back.
  void discard_rest() {
    ::shutdown(socket_, SHUT_WR);
    const SteadyTime until = after(kDiscardTime);
    while (wait_for(socket_, POLLIN, until) &&
           ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) > 0) {
    }
  }

  ssize_t read(char* data, std::size_t size) override {
    if (begin_ == end_) {
      const ssize_t count =
          is_readable() ? ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) : -1;
      if (count <= 0) {
        return count;
      }
      begin_ = 0;
      end_ = static_cast<std::size_t>(count);
    }
    const std::size_t taken = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, taken, data);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* data, std::size_t size) override {
    const SteadyTime until = after(kAnswerTime);
    std::size_t sent = 0;
    while (sent < size && wait_for(socket_, POLLOUT, until)) {
      const ssize_t count = ::send(socket_, data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN && errno != EINTR) {
        return -1;
      }
      sent += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    return sent == size ? static_cast<ssize_t>(size) : -1;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    name_of(socket_, ::getpeername, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    name_of(socket_, ::getsockname, ip, port);
  }
  socket_t socket() const override { return socket_; }

 private:
  socket_t socket_;
  SteadyTime until_{};
  std::array<char, 16384> buffer_{};
  std::size_t begin_ = 0, end_ = 0;  // of what was received and not yet read
};

}  // namespace

bool TimedServer::is_local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(svr_sock_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return false;
  }
  if (address.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  }
  const auto ip = ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
  return address.ss_family == AF_INET && ip >> 24U == IN_LOOPBACKNET;
}

void TimedServer::shut_connections() {
  const std::lock_guard lock(mutex_);
  for (const socket_t socket : open_) {
    ::shutdown(socket, SHUT_RDWR);
  }
}

bool TimedServer::process_and_close_socket(socket_t socket) {
  {
    const std::lock_guard lock(mutex_);
    open_.insert(socket);
  }
  TimedStream stream(socket);
  const auto next_has_begun = [&] {
    const SteadyTime until = after(std::chrono::seconds(keep_alive_timeout_sec_));
    bool begun = false;
    while (svr_sock_ != INVALID_SOCKET && !begun && after({}) < until) {
      begun = stream.has_begun(std::min(until, after(kSlice)));
    }
    return begun;
  };
  bool whole_header = false;
  const auto answer = [&](auto& server, bool last, bool& closed) {
    const auto header_read = [&](httplib::Request& request) {
      request.ranges.clear();  // nothing here is large enough for parts, and many parts would multiply it
      stream.expect_body();
      whole_header = true;
    };
    if constexpr (requires { server.process_request(stream, last, closed, header_read); }) {
      return server.process_request(stream, last, closed, header_read);
    } else {  // since httplib 0.13 with the addresses
      std::string remote, local;
      int remote_port = 0, local_port = 0;
      stream.get_remote_ip_and_port(remote, remote_port);
      stream.get_local_ip_and_port(local, local_port);
      return server.process_request(stream, remote, remote_port, local, local_port, last, closed,
                                    header_read);
    }
  };
  bool good = true, closed = false;
  for (std::size_t left = keep_alive_max_count_; left > 0 && good && !closed && next_has_begun(); --left) {
    stream.expect_header();
    whole_header = false;
    good = answer(*this, left == 1, closed) && whole_header;
  }
  if (!good) {
    stream.discard_rest();
  }
  {
    const std::lock_guard lock(mutex_);
    open_.erase(socket);
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return good;
}

}  // namespace headstart::app
