// Progress as a line on a terminal, or plain lines elsewhere; and a request to stop from Ctrl-C.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace headstart {

// Where long work says how far it is: begin("decoding", 2000), advance(how many are done so far) as often as
// it likes, end(). Called from one thread. The default object says nothing.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void begin(const std::string& what, std::int64_t total) { (void)what, (void)total; }
  virtual void advance(std::int64_t done) { (void)done; }
  virtual void end() {}
  virtual void message(const std::string& line) { (void)line; }
};

// On stderr: a bar with rate and ETA when it is a terminal, else a line every few seconds; nothing for work
// under a second.
std::unique_ptr<Progress> make_console_progress();

// True after SIGINT or SIGTERM once `install_stop_handler` was called; long work polls it and ends cleanly. A
// second signal ends the process at once.
void install_stop_handler();
bool stop_requested();
void request_stop(bool value);  // for tests and embedders
// Throws Error when stop_requested(): for work that is worth nothing when it is not finished.
void throw_if_stopped();

}  // namespace headstart
