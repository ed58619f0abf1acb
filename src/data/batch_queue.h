// Where workers put finished pictures and the consumer takes batches, in the order of the items.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/buffer_pool.h"
#include "headstart/dataset.h"

namespace headstart {

// What became of one item: a picture, or a message why there is none, or an exception that ends the epoch.
struct Outcome {
  Image image;
  std::string unreadable;
  std::exception_ptr failure;
};

// A batch with room for more.
struct FillingBatch {
  std::shared_ptr<float> values;
  std::vector<int> samples, views;
  std::vector<UnreadableImage> unreadable;  // met before its last place was given
  int written = 0;                          // places whose values are there
};

// A picture that has its place; its values go to `target`.
struct PlacedImage {
  Image image;
  float* target = nullptr;
  FillingBatch* batch = nullptr;
};

// Only when all earlier items are done is it known which place a picture takes, for unreadable ones leave no
// hole. So the worker that completes a run of finished items at the front is given their places and writes
// them; no worker waits for another's picture.
class BatchQueue {
 public:
  BatchQueue(std::vector<LoaderItem> items, int batch_size, int batches_ahead, std::int64_t floats_an_image);

  // Workers. The next item to work on; waits while the batches ahead are enough. Empty: leave.
  std::optional<std::size_t> claim();
  // Hands in an item and takes the places that it makes known. Their values are written without the lock,
  // then reported.
  std::vector<PlacedImage> finish(std::size_t index, Outcome outcome);
  void report_written(const std::vector<PlacedImage>& placed);
  void stop();

  // The consumer. Waits for the next full batch, or the last one; empty at the end. Rethrows the failure of
  // an item once the full batches before it are taken. Fills in neither labels nor the shape of the images.
  struct Taken {
    std::shared_ptr<float> values;
    std::vector<int> samples, views;
    std::vector<UnreadableImage> unreadable;
  };
  std::optional<Taken> take();

  const LoaderItem& item(std::size_t index) const { return items_[index]; }

 private:
  bool is_full(const FillingBatch& batch) const { return batch.samples.size() == batch_size_; }
  bool leaving() const { return stopping_ || failure_ != nullptr || claimed_ == items_.size(); }
  void place(Outcome outcome, std::vector<PlacedImage>& placed);

  const std::vector<LoaderItem> items_;
  const std::size_t batch_size_;
  const std::size_t places_ahead_;
  const std::int64_t floats_an_image_;
  BufferPool buffers_;

  std::mutex mutex_;  // guards all below
  std::condition_variable room_, ready_;
  std::vector<std::optional<Outcome>> outcomes_;  // by item, until it is placed
  std::size_t claimed_ = 0;
  std::size_t placed_ = 0;  // items at the front that have a place or were left out
  std::size_t gone_ = 0;    // items left out, or in a batch that was taken
  std::deque<std::unique_ptr<FillingBatch>> batches_;
  std::vector<UnreadableImage> unreadable_;  // met since the last place of a batch was given
  std::set<int> reported_;                   // samples, each reported once
  std::exception_ptr failure_;
  bool stopping_ = false;
};

}  // namespace headstart
