// The bounded, ordered queue of the loader.
#include "data/batch_queue.h"

#include <algorithm>
#include <utility>

namespace headstart {

BatchQueue::BatchQueue(std::vector<LoaderItem> items, int batch_size, int batches_ahead,
                       std::int64_t floats_an_image)
    : items_(std::move(items)),
      batch_size_(static_cast<std::size_t>(batch_size)),
      places_ahead_(batch_size_ * static_cast<std::size_t>(batches_ahead + 1)),
      floats_an_image_(floats_an_image),
      buffers_(std::min(batch_size_, items_.size()) * static_cast<std::size_t>(floats_an_image)),
      outcomes_(items_.size()) {}

std::optional<std::size_t> BatchQueue::claim() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return leaving() || claimed_ - gone_ < places_ahead_; });
  return leaving() ? std::nullopt : std::optional(claimed_++);
}

std::vector<PlacedImage> BatchQueue::finish(std::size_t index, Outcome outcome) {
  std::vector<PlacedImage> placed;
  const std::lock_guard lock(mutex_);
  outcomes_[index] = std::move(outcome);
  while (placed_ < items_.size() && outcomes_[placed_].has_value() && failure_ == nullptr) {
    place(*std::exchange(outcomes_[placed_], std::nullopt), placed);
  }
  ready_.notify_all();
  room_.notify_all();
  return placed;
}

void BatchQueue::place(Outcome outcome, std::vector<PlacedImage>& placed) {
  const LoaderItem& item = items_[placed_];
  if (outcome.failure != nullptr) {
    failure_ = outcome.failure;
    return;
  }
  const bool needs_batch = batches_.empty() || is_full(*batches_.back());
  if (!outcome.unreadable.empty()) {
    if (reported_.insert(item.sample).second) {
      auto& list = needs_batch ? unreadable_ : batches_.back()->unreadable;
      list.push_back({item.sample, std::move(outcome.unreadable)});
    }
    ++gone_;
  } else {
    if (needs_batch) {
      batches_.push_back(std::make_unique<FillingBatch>());
      batches_.back()->values = buffers_.take();
      batches_.back()->unreadable = std::exchange(unreadable_, {});
    }
    FillingBatch& batch = *batches_.back();
    const auto position = static_cast<std::int64_t>(batch.samples.size());
    batch.samples.push_back(item.sample);
    batch.views.push_back(item.view);
    placed.push_back({std::move(outcome.image), batch.values.get() + position * floats_an_image_, &batch});
  }
  ++placed_;
}

void BatchQueue::report_written(const std::vector<PlacedImage>& placed) {
  const std::lock_guard lock(mutex_);
  for (const auto& one : placed) {
    ++one.batch->written;
  }
  ready_.notify_all();
}

void BatchQueue::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  room_.notify_all();
}

std::optional<BatchQueue::Taken> BatchQueue::take() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] {
    const bool ended = placed_ == items_.size() || failure_ != nullptr;
    return batches_.empty()
               ? ended
               : (is_full(*batches_.front()) || ended) &&
                     batches_.front()->written == static_cast<int>(batches_.front()->samples.size());
  });
  if (failure_ != nullptr && (batches_.empty() || !is_full(*batches_.front()))) {
    std::rethrow_exception(failure_);
  }
  if (batches_.empty()) {
    return unreadable_.empty() ? std::nullopt
                               : std::optional(Taken{{}, {}, {}, std::exchange(unreadable_, {})});
  }
  const auto batch = std::move(batches_.front());
  batches_.pop_front();
  gone_ += batch->samples.size();
  room_.notify_all();
  return Taken{std::move(batch->values), std::move(batch->samples), std::move(batch->views),
               std::move(batch->unreadable)};
}

}  // namespace headstart
