// httplib's server with an end to all that a client can draw out: headers, bodies, answers and connections.
#pragma once

#include <mutex>
#include <set>

#include <httplib.h>

namespace headstart::app {

class TimedServer : public httplib::Server {
 public:
  // Only this machine reaches the socket that listens.
  bool is_local() const;
  // Nothing more can be read from or written to the connections that are open.
  void shut_connections();

 private:
  bool process_and_close_socket(socket_t socket) override;

  std::mutex mutex_;
  std::set<socket_t> open_;
};

}  // namespace headstart::app
