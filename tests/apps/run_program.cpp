#include "run_program.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace headstart::test {
std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

namespace {

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

pid_t started(const std::vector<std::string>& arguments, const std::filesystem::path& folder,
              const std::string& cache) {
  const pid_t child = ::fork();
  if (child == 0) {
    become_program(arguments, folder, cache);
  }
  return child;
}

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& cache) {
  const TemporaryFolder folder;
  int status = 0;
  ::waitpid(started(arguments, folder.path(), cache), &status, 0);
  return {.status = status_of(status), .output = text_of(folder / "out"), .errors = text_of(folder / "err")};
}

RunningProgram::RunningProgram(const std::vector<std::string>& arguments)
    : child_(started(arguments, folder_.path(), "")) {}

RunningProgram::~RunningProgram() {
  if (!ended()) {
    end(SIGKILL);
  }
}

std::string RunningProgram::errors() const { return text_of(folder_ / "err"); }

std::string RunningProgram::line_with(const std::string& text) {
  constexpr std::chrono::seconds kPatience{120};
  constexpr std::chrono::milliseconds kPause{20};
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < kPatience) {
    const bool last = ended();
    const std::string all = errors();
    const auto found = all.find(text);
    const auto end = found == std::string::npos ? found : all.find('\n', found);
    if (end != std::string::npos) {
      const auto begin = all.rfind('\n', found);
      return all.substr(begin == std::string::npos ? 0 : begin + 1, end - begin - 1);
    }
    if (last) {
      break;
    }
    std::this_thread::sleep_for(kPause);
  }
  return "";
}

int RunningProgram::end(int signal) {
  if (!ended()) {
    ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    status_ = status_of(status);
  }
  return *status_;
}

bool RunningProgram::ended() {
  int status = 0;
  if (!status_ && ::waitpid(child_, &status, WNOHANG) == child_) {
    status_ = status_of(status);
  }
  return status_.has_value();
}

}  // namespace headstart::test
