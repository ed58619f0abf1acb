// Every picture of a list decoded once: its header, its fingerprint, its hash.
#pragma once

#include <string>
#include <vector>

#include "headstart/progress.h"
#include "image/fingerprint.h"
#include "image/inspect.h"

namespace headstart {

struct Examined {
  ImageFacts facts{};
  Fingerprint look{};
  std::string sha256;  // of the file's bytes
  std::string error;   // not empty: it cannot be read, and why
};

// In the order of `paths`, on `threads` cores (0: all). Throws Error when stop_requested().
std::vector<Examined> examine(const std::vector<std::string>& paths, int threads, Progress& progress);

}  // namespace headstart
