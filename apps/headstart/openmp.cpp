#include "openmp.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace headstart::app {
namespace {

// Some tens of microseconds: longer than the gap between two layers, far shorter than a time slice.
constexpr const char* kSpins = "5000";

bool computes(std::string_view command) {
  constexpr std::array<std::string_view, 3> kCommands{"train", "bench", "demo"};
  return std::find(kCommands.begin(), kCommands.end(), command) != kCommands.end();
}

}  // namespace

void shorten_openmp_spinning(int argc, char** argv) {
  const bool chosen = std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr;
  if (argc < 2 || !computes(argv[1]) || chosen) {
    return;
  }
  if (::setenv("GOMP_SPINCOUNT", kSpins, 1) == 0) {
    ::execv("/proc/self/exe", argv);  // returns only when it failed; then the default holds
  }
}

}  // namespace headstart::app
