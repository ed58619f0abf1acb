// A dense row-major float tensor that owns its memory or shares a privately mapped file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace headstart {

// Extents, outermost first. Shapes of a graph's nodes leave out the batch dimension: (H, W, C) or (features).
using Shape = std::vector<std::int64_t>;

// Number of elements; 1 for the empty shape. Throws Error when an extent is negative or the product
// overflows.
std::int64_t element_count(const Shape& shape);

// "(3, 3, 64)".
std::string to_string(const Shape& shape);

// Values are f32 in memory whatever the precision of a program. Copying copies the values; moving does not
// and leaves an empty tensor. The memory is 64-byte aligned when the tensor allocated it itself.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Shape shape);  // zeros
  Tensor(Shape shape, std::span<const float> values);
  // Shares `storage` (for example a MAP_PRIVATE file mapping: writes stay private to the process). Throws
  // Error when it is null where there are values.
  Tensor(Shape shape, std::shared_ptr<float> storage);

  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&& other) noexcept
      : shape_(std::exchange(other.shape_, {})),
        size_(std::exchange(other.size_, 0)),
        storage_(std::move(other.storage_)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor taken(std::move(other));  // by then also a tensor that is moved to itself is safe
    std::swap(shape_, taken.shape_);
    std::swap(size_, taken.size_);
    std::swap(storage_, taken.storage_);
    return *this;
  }
  ~Tensor() = default;

  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  float* data() { return storage_.get(); }
  const float* data() const { return storage_.get(); }
  std::span<float> values() { return {storage_.get(), static_cast<std::size_t>(size_)}; }
  std::span<const float> values() const { return {storage_.get(), static_cast<std::size_t>(size_)}; }
  float& operator[](std::int64_t i) { return storage_.get()[i]; }
  float operator[](std::int64_t i) const { return storage_.get()[i]; }

  // The same values under another shape of equal element count; throws Error otherwise.
  Tensor reshaped(Shape shape) &&;

 private:
  Shape shape_;
  std::int64_t size_ = 0;
  std::shared_ptr<float> storage_;
};

// Whether every value is a number and none infinite.
bool is_finite(const Tensor& tensor);

}  // namespace headstart
