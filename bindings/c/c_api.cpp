// The C functions: every error stays behind them.
#include "headstart/c_api.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "headstart/acceptance.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/text.h"
#include "headstart/versions.h"
#include "serve/loaded_classifier.h"

namespace {

thread_local std::string last_error;

constexpr std::int64_t kMaximumPixels = 64'000'000;

// What `work` returns, or `failed`.
template <typename T, typename Work>
T guarded(T failed, const Work& work) noexcept {
  try {
    return work();
  } catch (const std::exception& error) {
    last_error = headstart::without_tag(error.what());
  }
  return failed;
}

void require(bool holds, const char* expected, const char* received) {
  if (!holds) {
    throw headstart::Error(fmt::format("[c api] expected {}; received {}", expected, received));
  }
}

}  // namespace

struct headstart_classifier {
  headstart_classifier(headstart::Model model, int threads)
      : loaded(std::move(model), headstart::Precision::f32, threads, kMaximumPixels),
        names(headstart::class_labels(loaded.model())) {}

  bool is_of_this_process() const { return ::getpid() == process; }

  void require_own_process() const {
    if (!is_of_this_process()) {  // fork() takes memory along and leaves the threads that compute behind
      throw headstart::Error(
          "[c api] expected a classifier that this process opened; received one of the process it was forked "
          "from; open it after fork()");
    }
  }

  int answer(headstart::Tensor input, float* probabilities, headstart_answer* result) {
    const auto table = loaded.classes_of(std::move(input).reshaped(loaded.rows_shape(1)));
    const auto values = table.probabilities.values();
    if (probabilities != nullptr) {
      std::copy(values.begin(), values.end(), probabilities);
    }
    if (result != nullptr) {
      const auto best = headstart::ranked_classes(values, 1).front();
      const bool unknown = !table.strangeness.empty() && headstart::is_unknown(table.strangeness.front());
      *result = {.best = best.index, .probability = best.probability, .is_unknown = unknown ? 1 : 0};
    }
    return 0;
  }

  const pid_t process = ::getpid();
  headstart::LoadedClassifier loaded;
  std::vector<std::string> names;
};

headstart_classifier* headstart_open(const char* model_file, int threads) {
  return guarded<headstart_classifier*>(nullptr, [&] {
    require(model_file != nullptr, "the path of a model file", "NULL");
    constexpr int kMostThreads = 4096;
    require(threads >= 0 && threads <= kMostThreads, "from 0 (all cores) to 4096 threads",
            std::to_string(threads).c_str());
    return new headstart_classifier(headstart::load_model(model_file), threads);
  });
}

void headstart_close(headstart_classifier* classifier) {
  if (classifier != nullptr && classifier->is_of_this_process()) {  // else its threads cannot be waited for
    delete classifier;
  }
}

int headstart_class_count(const headstart_classifier* classifier) {
  return classifier != nullptr ? static_cast<int>(classifier->names.size()) : 0;
}

const char* headstart_class_name(const headstart_classifier* classifier, int index) {
  return index >= 0 && index < headstart_class_count(classifier)
             ? classifier->names[static_cast<std::size_t>(index)].c_str()
             : nullptr;
}

int headstart_classify(headstart_classifier* classifier, const void* image, size_t size, float* probabilities,
                       headstart_answer* answer) {
  return guarded(-1, [&] {
    require(classifier != nullptr, "a classifier from headstart_open", "NULL");
    classifier->require_own_process();
    require(image != nullptr, "the bytes of an image", "NULL");
    const std::span bytes(static_cast<const std::uint8_t*>(image), size);
    return classifier->answer(classifier->loaded.input_of(bytes), probabilities, answer);
  });
}

int headstart_classify_pixels(headstart_classifier* classifier, const unsigned char* rgb, int width,
                              int height, float* probabilities, headstart_answer* answer) {
  return guarded(-1, [&] {
    require(classifier != nullptr, "a classifier from headstart_open", "NULL");
    classifier->require_own_process();
    require(rgb != nullptr, "the pixels of an image", "NULL");
    require(width > 0 && height > 0 && std::int64_t{width} * height <= kMaximumPixels,
            "an image of 1 to 64,000,000 pixels", "another size");
    const auto bytes = std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    const headstart::Image image{.width = width, .height = height, .pixels = {rgb, rgb + bytes}};
    return classifier->answer(classifier->loaded.input_of(image), probabilities, answer);
  });
}

const char* headstart_error(void) { return last_error.c_str(); }

const char* headstart_version(void) {
  static const std::string version = headstart::headstart_version();
  return version.c_str();
}
