#include "data/examine.h"

#include <algorithm>
#include <new>

#include "core/parallel.h"
#include "core/sha256.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "image/picture_file.h"

namespace headstart {
namespace {

// A JPEG is decoded down to no less than this: all of its data are read, and the fingerprint needs no more.
constexpr int kDecodedSide = 128;

Examined examine_file(const std::string& path) {
  Examined result;
  try {
    const auto bytes = read_picture_file(path);
    result.facts = inspect_image(bytes);
    result.sha256 = sha256_hex(bytes);
    result.look =
        fingerprint(decode_image(bytes, {.minimum_width = kDecodedSide, .minimum_height = kDecodedSide}));
  } catch (const Error& error) {
    result.error = without_tag(error.what());
  } catch (const std::bad_alloc&) {
    result.error = kTooLittleMemory;
  }
  return result;
}

}  // namespace

std::vector<Examined> examine(const std::vector<std::string>& paths, int threads, Progress& progress) {
  constexpr std::size_t kAtOnce = 128;  // between two reports
  std::vector<Examined> results(paths.size());
  progress.begin("checking", static_cast<std::int64_t>(paths.size()));
  for (std::size_t first = 0; first < paths.size(); first += kAtOnce) {
    if (stop_requested()) {
      throw Error("[check] every picture was to be looked at; received a signal to stop; start it again");
    }
    const std::size_t count = std::min(kAtOnce, paths.size() - first);
    parallel_for(count, threads, [&](std::size_t i) { results[first + i] = examine_file(paths[first + i]); });
    progress.advance(static_cast<std::int64_t>(first + count));
  }
  progress.end();
  return results;
}

}  // namespace headstart
