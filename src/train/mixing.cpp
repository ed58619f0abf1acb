#include "train/mixing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

// Beta(alpha, alpha) by Johnk's method, which is quick for the small alphas that mixing uses.
float beta(double alpha, Random& random) {
  for (;;) {
    const double u = random.uniform(), v = random.uniform();
    const double x = std::pow(u, 1.0 / alpha), y = std::pow(v, 1.0 / alpha);
    if (x + y > 0.0 && x + y <= 1.0) {
      return static_cast<float>(x / (x + y));
    }
    if (x + y == 0.0 && u + v > 0.0) {  // too small for numbers: the same quotient by logarithms
      return static_cast<float>(1.0 / (1.0 + std::exp((std::log(v) - std::log(u)) / alpha)));
    }
  }
}

void check_alpha(const char* what, double alpha) {
  constexpr double kLargest = 4.0;
  if (!(alpha >= 0.0 && alpha <= kLargest)) {
    throw Error(fmt::format("[train] the alpha of {} is from 0 to {}; received {}", what, kLargest, alpha));
  }
}

std::size_t partner_of(std::size_t row, std::size_t rows) { return (row + 1) % rows; }

}  // namespace

Mixer::Mixer(const MixingOptions& options, std::vector<Shape> shapes)
    : options_(options), shapes_(std::move(shapes)), storage_(shapes_.size()) {
  check_alpha("MixUp", options_.mixup);
  check_alpha("CutMix", options_.cutmix);
  const bool flat = std::any_of(shapes_.begin(), shapes_.end(), [](const Shape& s) { return s.size() != 3; });
  if (options_.cutmix > 0.0 && flat) {
    throw Error(
        "[train] CutMix cuts from images or feature maps; what enters the trainable part has no height and "
        "width; use --mixup, or freeze less");
  }
}

const MixedBatch& Mixer::mix(const BoundaryBatch& batch, std::int64_t step) {
  const std::size_t rows = batch.labels.size();
  Random random(options_.seed, RandomPurpose::mix, static_cast<std::uint64_t>(step));
  for (std::size_t t = 0; t < storage_.size(); ++t) {
    if (storage_[t].size() < static_cast<std::int64_t>(rows) * element_count(shapes_[t])) {
      storage_[t] = Tensor(Shape{static_cast<std::int64_t>(rows), element_count(shapes_[t])});
    }
  }
  mixed_.tensors.clear();
  mixed_.partners.clear();
  for (std::size_t row = 0; row < rows; ++row) {
    mixed_.partners.push_back(batch.labels[partner_of(row, rows)]);
  }
  const bool both = options_.mixup > 0.0 && options_.cutmix > 0.0;
  const bool cuts = both ? random.uniform() < 0.5F : options_.cutmix > 0.0;
  mixed_.share = beta(cuts ? options_.cutmix : options_.mixup, random);
  if (cuts) {
    mixed_.share = paste(batch, mixed_.share, random);
  } else {
    blend(batch, mixed_.share);
  }
  for (const Tensor& tensor : storage_) {
    mixed_.tensors.push_back(tensor.data());
  }
  return mixed_;
}

void Mixer::blend(const BoundaryBatch& batch, float share) {
  const std::size_t rows = batch.labels.size();
  for (std::size_t t = 0; t < storage_.size(); ++t) {
    const auto size = static_cast<std::size_t>(element_count(shapes_[t]));
    for (std::size_t row = 0; row < rows; ++row) {
      const float* own = batch.tensors[t] + row * size;
      const float* other = batch.tensors[t] + partner_of(row, rows) * size;
      float* result = storage_[t].data() + row * size;
      for (std::size_t i = 0; i < size; ++i) {
        result[i] = share * own[i] + (1.0F - share) * other[i];
      }
    }
  }
}

// A box with the sides sqrt(1 - share) of the image about a random centre, clipped at the border, comes from
// the partner; returns the share that is left of the sample itself, by the first tensor's pixels.
float Mixer::paste(const BoundaryBatch& batch, float share, Random& random) {
  const std::size_t rows = batch.labels.size();
  const float side = std::sqrt(1.0F - share);
  const float centre_y = random.uniform(), centre_x = random.uniform();
  float left = share;
  for (std::size_t t = 0; t < storage_.size(); ++t) {
    const Shape& shape = shapes_[t];
    const auto span_of = [&](float centre, std::int64_t extent) {
      const auto whole = static_cast<float>(extent);
      const auto place = [&](float at) {
        return std::clamp<std::int64_t>(std::lround(at * whole), 0, extent);
      };
      return std::pair{place(centre - side / 2.0F), place(centre + side / 2.0F)};
    };
    const auto [top, bottom] = span_of(centre_y, shape[0]);
    const auto [begin, end] = span_of(centre_x, shape[1]);
    if (t == 0) {
      left =
          1.0F - static_cast<float>((bottom - top) * (end - begin)) / static_cast<float>(shape[0] * shape[1]);
    }
    const std::int64_t size = element_count(shape);
    for (std::size_t row = 0; row < rows; ++row) {
      float* result = storage_[t].data() + static_cast<std::int64_t>(row) * size;
      std::copy_n(batch.tensors[t] + static_cast<std::int64_t>(row) * size, size, result);
      const float* other = batch.tensors[t] + static_cast<std::int64_t>(partner_of(row, rows)) * size;
      for (std::int64_t y = top; y < bottom; ++y) {
        const std::int64_t offset = (y * shape[1] + begin) * shape[2];
        std::copy_n(other + offset, (end - begin) * shape[2], result + offset);
      }
    }
  }
  return left;
}

}  // namespace headstart
