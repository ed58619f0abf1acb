#include "headstart/extract.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "core/parallel.h"
#include "headstart/error.h"
#include "headstart/model.h"
#include "headstart/text.h"
#include "image/picture_file.h"

namespace headstart {
namespace {

// Finished batches that may wait for a slow one before them, for each thread.
constexpr std::size_t kBatchesWaiting = 8;

// The outputs of a batch, row by row, and which rows are there.
struct Finished {
  std::vector<Tensor> outputs;
  std::vector<std::optional<UnreadableImage>> unreadable;
};

class Extraction {
 public:
  Extraction(const Dataset& dataset, const std::vector<LoaderItem>& items, const Graph& graph,
             const Parameters& parameters, const ExtractOptions& options, Progress& progress,
             const ExtractSink& sink)
      : dataset_(dataset),
        items_(items),
        graph_(graph),
        parameters_(parameters),
        options_(options),
        progress_(progress),
        sink_(sink),
        precision_(resolve(options.precision)) {
    const auto threads = static_cast<std::size_t>(thread_count(options.threads));
    const auto largest = static_cast<std::size_t>(images_at_once(graph, precision_));
    batch_ = std::clamp<std::size_t>((items.size() + threads - 1) / threads, 1, largest);
    batches_ = (items.size() + batch_ - 1) / batch_;
    workers_ = std::clamp<std::size_t>(batches_, 1, threads);
    threads_each_ = static_cast<int>(threads / workers_);
  }

  std::vector<UnreadableImage> run() {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < workers_; ++i) {
      threads.emplace_back([this] { work(); });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    return std::move(unreadable_);
  }

 private:
  void work() {
    try {
      set_engine_threads(threads_each_);
      // One after the other: the second finds its primitives in oneDNN's cache.
      std::unique_lock lock(compile_);
      auto& program = programs_.emplace_back(
          graph_, parameters_, options_.outputs,
          FrozenProgram::Options{.batch = static_cast<int>(batch_),
                                 .precision = precision_,
                                 .logits = options_.logits,
                                 .weights_of = programs_.empty() ? nullptr : &programs_.front(),
                                 .ranges = options_.ranges});
      lock.unlock();
      while (const auto batch = take()) {
        deliver(*batch, compute(program, *batch));
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) {
        failure_ = std::current_exception();
      }
      stop_ = true;
      room_.notify_all();
    }
  }

  std::optional<std::size_t> take() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return stop_ || next_taken_ < next_delivered_ + workers_ * kBatchesWaiting; });
    if (stop_ || stop_requested() || next_taken_ == batches_) {
      return std::nullopt;
    }
    return next_taken_++;
  }

  Finished compute(FrozenProgram& program, std::size_t batch) const {
    const auto& shape = graph_.input_shape();
    const auto rows = static_cast<std::int64_t>(batch_);
    Tensor images(Shape{rows, shape.at(0), shape.at(1), shape.at(2)});
    const std::size_t first = batch * batch_;
    const std::size_t count = std::min(batch_, items_.size() - first);
    Finished finished{.outputs = {}, .unreadable = std::vector<std::optional<UnreadableImage>>(count)};
    for (std::size_t i = 0; i < count; ++i) {
      const auto& item = items_[first + i];
      float* row = images.data() + static_cast<std::int64_t>(i) * element_count(shape);
      auto& unreadable = finished.unreadable[i];
      try {
        read_into(item, row);
      } catch (const Error& error) {
        unreadable = UnreadableImage{.sample = item.sample, .message = without_tag(error.what())};
      } catch (const std::bad_alloc&) {
        unreadable = UnreadableImage{.sample = item.sample, .message = kTooLittleMemory, .passing = true};
      }
      if (unreadable && options_.strict) {
        throw Error(dataset_.samples.at(static_cast<std::size_t>(item.sample)).path + ": " +
                    unreadable->message);
      }
    }
    std::vector<float*> destinations;
    for (const auto output : options_.outputs) {
      finished.outputs.emplace_back(Shape{rows, element_count(graph_.node(output).shape)});
      destinations.push_back(finished.outputs.back().data());
    }
    program.run(images.data(), destinations);
    return finished;
  }

  void read_into(const LoaderItem& item, float* row) const {
    const auto& path = dataset_.samples.at(static_cast<std::size_t>(item.sample)).path;
    auto image = read_fitted(path, options_.preprocessing);
    if (options_.augment) {
      image = options_.augment(image, item);
    }
    normalize_into(image, options_.preprocessing, row);
  }

  void deliver(std::size_t batch, Finished finished) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(batch, std::move(finished));
    while (!stop_ && !waiting_.empty() && waiting_.begin()->first == next_delivered_) {
      const Finished done = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      hand_over(next_delivered_ * batch_, done);
      ++next_delivered_;
      progress_.advance(static_cast<std::int64_t>(std::min(items_.size(), next_delivered_ * batch_)));
    }
    room_.notify_all();
  }

  void hand_over(std::size_t first, const Finished& done) {
    std::vector<const float*> rows(done.outputs.size());
    for (std::size_t i = 0; i < done.unreadable.size(); ++i) {
      if (done.unreadable[i]) {
        unreadable_.push_back(*done.unreadable[i]);
        continue;
      }
      for (std::size_t output = 0; output < rows.size(); ++output) {
        const auto& tensor = done.outputs[output];
        rows[output] = tensor.data() + static_cast<std::int64_t>(i) * tensor.shape()[1];
      }
      sink_(first + i, rows);
    }
  }

  const Dataset& dataset_;
  const std::vector<LoaderItem>& items_;
  const Graph& graph_;
  const Parameters& parameters_;
  const ExtractOptions& options_;
  Progress& progress_;
  const ExtractSink& sink_;
  Precision precision_;
  std::size_t batch_ = 1, batches_ = 0, workers_ = 1;
  int threads_each_ = 1;

  std::mutex compile_;
  std::deque<FrozenProgram> programs_;  // guarded by compile_; the elements belong to their threads
  std::mutex mutex_;
  std::condition_variable room_;
  bool stop_ = false;
  std::size_t next_taken_ = 0, next_delivered_ = 0;
  std::map<std::size_t, Finished> waiting_;
  std::vector<UnreadableImage> unreadable_;
  std::exception_ptr failure_;
};

}  // namespace

std::vector<UnreadableImage> extract(const Dataset& dataset, const std::vector<LoaderItem>& items,
                                     const Graph& graph, const Parameters& parameters,
                                     const ExtractOptions& options, Progress& progress,
                                     const ExtractSink& sink) {
  if (items.empty()) {
    return {};
  }
  check_input(graph, options.preprocessing);
  return Extraction(dataset, items, graph, parameters, options, progress, sink).run();
}

}  // namespace headstart
