// Choices between ways to do the same, measured on this machine and remembered between runs.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>

namespace headstart {

// A way to do some work.
struct Alternative {
  std::string name;
  std::function<std::function<void()>()> prepare;  // gives what is timed, or nothing: it cannot be done so
  double times = 1.0;                              // what is timed is the work divided by this
};

// A JSON object in a file: the names of what was chosen, by work. Safe to use from several threads.
class MachineChoices {
 public:
  // Those of this CPU, oneDNN and build, in the folder `choices` of cache_directory() (core/files.h).
  static MachineChoices& here();

  // A file that is not there, or not what save() writes, holds no choices.
  explicit MachineChoices(std::string path);

  // The index of what was chosen for that work, now or at an earlier run. When nothing was, each is timed on
  // one thread, in turn: the first is chosen, unless another is faster by a clear margin.
  std::size_t choose(const std::string& work, std::span<const Alternative> alternatives);

  // Adds what is new to the file. Where that cannot be written nothing is remembered.
  void save();

 private:
  std::string path_;
  std::mutex mutex_;
  std::map<std::string, std::string> choices_;
  std::set<std::string> new_;  // works that are not in the file yet
};

}  // namespace headstart
