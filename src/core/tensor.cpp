#include "headstart/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/error.h"

namespace headstart {
namespace {

[[noreturn]] void fail_to_allocate(std::size_t bytes) {
  throw Error(fmt::format("[tensor] out of memory for {} bytes", bytes));
}

// Pages come from the system as zeros when they are first touched, so a large tensor that is filled bit by
// bit never takes more memory than it has values.
std::shared_ptr<float> allocate_pages(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fail_to_allocate(bytes);
  }
  return {static_cast<float*>(memory), [bytes](float* p) { ::munmap(p, bytes); }};
}

// Zeros.
std::shared_ptr<float> allocate(std::int64_t count) {
  if (count == 0) {
    return nullptr;
  }
  constexpr std::size_t kAlignment = 64, kManyPages = std::size_t{1} << 22;
  const auto bytes =
      (static_cast<std::size_t>(count) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  if (bytes >= kManyPages) {
    return allocate_pages(bytes);
  }
  auto* memory = static_cast<float*>(std::aligned_alloc(kAlignment, bytes));
  if (memory == nullptr) {
    fail_to_allocate(bytes);
  }
  std::fill_n(memory, count, 0.0F);
  return {memory, [](float* p) { std::free(p); }};
}

}  // namespace

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const auto extent : shape) {
    if (extent < 0 || (extent > 0 && count > std::numeric_limits<std::int64_t>::max() / 8 / extent)) {
      throw Error(fmt::format("[tensor] shape {} is not one of a tensor", to_string(shape)));
    }
    count *= extent;
  }
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

Tensor::Tensor(Shape shape)
    : shape_(std::move(shape)), size_(element_count(shape_)), storage_(allocate(size_)) {}

Tensor::Tensor(Shape shape, std::span<const float> values)
    : shape_(std::move(shape)), size_(element_count(shape_)), storage_(allocate(size_)) {
  if (size_ != static_cast<std::int64_t>(values.size())) {
    throw Error(fmt::format("[tensor] shape {} needs {} values; received {}", to_string(shape_), size_,
                            values.size()));
  }
  std::copy(values.begin(), values.end(), storage_.get());
}

Tensor::Tensor(Shape shape, std::shared_ptr<float> storage)
    : shape_(std::move(shape)), size_(element_count(shape_)), storage_(std::move(storage)) {
  if (size_ > 0 && storage_ == nullptr) {
    throw Error(fmt::format(
        "[tensor] expected memory for the values of {}; received none; leave the storage out for zeros",
        to_string(shape_)));
  }
}

// The tensor without a shape has no value, where the shape () would have one.
Tensor::Tensor(const Tensor& other)
    : shape_(other.shape_), size_(other.size_), storage_(allocate(other.size_)) {
  std::copy_n(other.data(), size_, storage_.get());
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) {
    *this = Tensor(other);
  }
  return *this;
}

Tensor Tensor::reshaped(Shape shape) && {
  if (element_count(shape) != size_) {
    throw Error(fmt::format("[tensor] cannot view {} as {}", to_string(shape_), to_string(shape)));
  }
  shape_ = std::move(shape);
  return std::move(*this);
}

bool is_finite(const Tensor& tensor) {
  constexpr std::uint32_t kExponent = 0x7F800000;  // all of it: infinite or no number
  bool finite = true;
  for (const float value : tensor.values()) {  // without an early end: vectors at once
    finite &= (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
  }
  return finite;
}

}  // namespace headstart
