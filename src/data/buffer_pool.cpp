// Recycled buffers: the deleter puts a buffer back on the shelf, which lives as long as any of them.
#include "data/buffer_pool.h"

#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace headstart {

struct BufferPool::Shelf {
  struct Release {
    void operator()(float* buffer) const { std::free(buffer); }
  };
  using Buffer = std::unique_ptr<float, Release>;

  std::size_t bytes = 0;
  std::mutex mutex;
  std::vector<Buffer> idle;
};

BufferPool::BufferPool(std::size_t floats) : shelf_(std::make_shared<Shelf>()) {
  constexpr std::size_t kAlignment = 64;
  shelf_->bytes = (floats * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
}

std::shared_ptr<float> BufferPool::take() {
  constexpr std::size_t kAlignment = 64;
  Shelf::Buffer buffer;
  {
    const std::lock_guard lock(shelf_->mutex);
    if (!shelf_->idle.empty()) {
      buffer = std::move(shelf_->idle.back());
      shelf_->idle.pop_back();
    }
  }
  if (buffer == nullptr) {
    buffer.reset(static_cast<float*>(std::aligned_alloc(kAlignment, shelf_->bytes)));
  }
  if (buffer == nullptr) {
    throw std::bad_alloc();
  }
  return {buffer.release(), [shelf = shelf_](float* returned) {
            Shelf::Buffer owned(returned);
            const std::lock_guard lock(shelf->mutex);
            shelf->idle.push_back(std::move(owned));
          }};
}

}  // namespace headstart
