#include "run_program.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace headstart::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

[[noreturn]] void become_program(const std::vector<std::string>& arguments,
                                 const std::filesystem::path& folder, const std::string& cache) {
  const auto redirect = [&](const char* name, int target) {
    const int file = ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, target);
  };
  redirect("out", STDOUT_FILENO);
  redirect("err", STDERR_FILENO);
  ::setenv("HOME", folder.c_str(), 1);
  ::setenv("HEADSTART_CACHE", cache.empty() ? folder.c_str() : cache.c_str(), 1);
  std::vector<char*> pointers{const_cast<char*>(HEADSTART_PROGRAM)};
  for (const auto& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  ::execv(HEADSTART_PROGRAM, pointers.data());
  ::_exit(127);
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& cache) {
  std::string pattern = (std::filesystem::temp_directory_path() / "headstart_apps.XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const pid_t child = ::fork();
  if (child == 0) {
    become_program(arguments, folder, cache);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ProgramResult result{.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                       .output = text_of(folder / "out"),
                       .errors = text_of(folder / "err")};
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace headstart::test
