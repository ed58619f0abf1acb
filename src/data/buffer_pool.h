// Float buffers of one size that come back when their last owner lets go: no page is faulted in twice.
#pragma once

#include <cstddef>
#include <memory>

namespace headstart {

class BufferPool {
 public:
  explicit BufferPool(std::size_t floats);
  // Uninitialised, 64-byte aligned. The buffer may outlive the pool. Thread-safe.
  std::shared_ptr<float> take();

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace headstart
