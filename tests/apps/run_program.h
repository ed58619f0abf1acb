// The built program as a subprocess.
#pragma once

#include <string>
#include <vector>

namespace headstart::test {

struct ProgramResult {
  int status = -1;  // exit status; -1 when a signal ended it
  std::string output, errors;
};

// Runs `headstart` with the arguments; nothing of the user's caches is seen. `cache`: a folder that is kept
// as its cache, else an empty one is made and removed.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& cache = "");

}  // namespace headstart::test
