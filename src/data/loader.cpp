// Loader: its own threads read, decode, fit, augment and normalise ahead of the consumer.
#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/parallel.h"
#include "data/batch_queue.h"
#include "headstart/dataset.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "image/picture_file.h"

namespace headstart {
namespace {

std::int64_t floats_an_image(const Preprocessing& to) {
  return std::int64_t{to.height} * to.width * to.channels;
}

void check(const Dataset& dataset, const std::vector<LoaderItem>& items, const LoaderOptions& options) {
  const auto& to = options.preprocessing;
  if (options.batch_size < 1 || options.workers < 0 || options.batches_ahead < 1 || to.width < 1 ||
      to.height < 1 || (to.channels != 1 && to.channels != 3)) {
    throw Error(fmt::format(
        "[loader] a batch size, workers, batches ahead and an input size were expected; received {}, {}, "
        "{}, {}x{}x{}",
        options.batch_size, options.workers, options.batches_ahead, to.width, to.height, to.channels));
  }
  for (const auto& item : items) {
    if (item.sample < 0 || static_cast<std::size_t>(item.sample) >= dataset.samples.size()) {
      throw Error(fmt::format("[loader] samples below {} were expected; received {}", dataset.samples.size(),
                              item.sample));
    }
  }
}

}  // namespace

struct Loader::State {
  State(const Dataset& dataset, std::vector<LoaderItem> items, LoaderOptions chosen)
      : samples(dataset.samples),
        options(std::move(chosen)),
        queue(std::move(items), options.batch_size, options.batches_ahead,
              floats_an_image(options.preprocessing)) {
    const int count = thread_count(options.workers);
    try {
      for (int i = 0; i < count; ++i) {
        workers.emplace_back([this] { work(); });
      }
    } catch (...) {
      join();
      throw;
    }
  }
  ~State() { join(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void join() {
    queue.stop();
    for (auto& worker : workers) {
      worker.join();
    }
    workers.clear();
  }

  void work() {
    while (const auto index = queue.claim()) {
      const auto placed = queue.finish(*index, load(queue.item(*index)));
      for (const auto& one : placed) {
        normalize_into(one.image, options.preprocessing, one.target);
      }
      queue.report_written(placed);
    }
  }

  // Never throws: what goes wrong travels to the consumer, in its turn.
  Outcome load(const LoaderItem& item) const {
    Outcome outcome;
    try {
      const auto picture = fitted(item.sample);
      outcome.image = options.augment ? options.augment(*picture, item) : *picture;
      check_size(outcome.image);
    } catch (const Unreadable& reason) {
      outcome.unreadable = reason.message;
    } catch (const std::bad_alloc&) {
      refuse_for_memory(item.sample, outcome);
    } catch (...) {
      outcome.failure = std::current_exception();
    }
    return outcome;
  }

  void refuse_for_memory(int sample, Outcome& outcome) const {
    if (options.strict) {
      const auto& path = samples[static_cast<std::size_t>(sample)].path;
      outcome.failure = std::make_exception_ptr(Error(fmt::format("{}: {}", path, kTooLittleMemory)));
    } else {
      outcome.unreadable = kTooLittleMemory;
    }
  }

  struct Unreadable {
    std::string message;
  };

  std::shared_ptr<const Image> fitted(int sample) const {
    if (options.kept) {
      if (auto picture = options.kept->find(sample)) {
        return picture;
      }
    }
    auto picture = std::make_shared<const Image>(read(sample));
    if (options.kept) {
      options.kept->keep(sample, picture);
    }
    return picture;
  }

  Image read(int sample) const {
    const auto& path = samples[static_cast<std::size_t>(sample)].path;
    try {
      return read_fitted(path, options.preprocessing);
    } catch (const Error& error) {
      if (options.strict) {
        throw Error(fmt::format("{}: {}", path, without_tag(error.what())));
      }
      throw Unreadable{without_tag(error.what())};
    }
  }

  void check_size(const Image& image) const {
    const auto& to = options.preprocessing;
    if (image.width != to.width || image.height != to.height) {
      throw Error(fmt::format("[loader] augmentation was expected to keep {}x{}; received {}x{}", to.width,
                              to.height, image.width, image.height));
    }
  }

  const std::vector<Sample> samples;
  const LoaderOptions options;
  BatchQueue queue;
  std::vector<UnreadableImage> unreadable;  // of the batches handed out
  std::vector<std::thread> workers;
};

Loader::Loader(const Dataset& dataset, std::vector<LoaderItem> items, LoaderOptions options) {
  check(dataset, items, options);
  state_ = std::make_unique<State>(dataset, std::move(items), std::move(options));
}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;

std::optional<Batch> Loader::next() {
  auto taken = state_->queue.take();
  if (!taken) {
    return std::nullopt;
  }
  auto& unreadable = state_->unreadable;
  unreadable.insert(unreadable.end(), taken->unreadable.begin(), taken->unreadable.end());
  if (taken->samples.empty()) {
    return std::nullopt;
  }
  const auto& to = state_->options.preprocessing;
  Batch batch;
  batch.images = Tensor({static_cast<std::int64_t>(taken->samples.size()), to.height, to.width, to.channels},
                        std::move(taken->values));
  for (const int sample : taken->samples) {
    batch.labels.push_back(state_->samples[static_cast<std::size_t>(sample)].label);
  }
  batch.samples = std::move(taken->samples);
  batch.views = std::move(taken->views);
  return batch;
}

const std::vector<UnreadableImage>& Loader::unreadable() const { return state_->unreadable; }

}  // namespace headstart
