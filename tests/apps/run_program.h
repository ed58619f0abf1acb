// The built program as a subprocess.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/temporary_folder.h"

namespace headstart::test {

struct ProgramResult {
  int status = -1;  // exit status; -1 when a signal ended it
  std::string output, errors;
};

// Runs `headstart` with the arguments; nothing of the user's caches is seen. `cache`: a folder that is kept
// as its cache, else an empty one is made and removed.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& cache = "");

std::string text_of(const std::filesystem::path& file);

// The same while it runs; killed when the object goes.
class RunningProgram {
 public:
  explicit RunningProgram(const std::vector<std::string>& arguments);
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram();

  // The first line on stderr that has `text`, waited for; "" when the program ends without it.
  std::string line_with(const std::string& text);
  std::string errors() const;
  // Sends the signal and waits; as ProgramResult::status.
  int end(int signal);

 private:
  bool ended();

  TemporaryFolder folder_;
  pid_t child_;
  std::optional<int> status_{};
};

}  // namespace headstart::test
