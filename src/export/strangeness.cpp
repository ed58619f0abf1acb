#include "export/strangeness.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace headstart {
namespace {

std::string reduced(OnnxBuilder& out, const char* type, const std::string& rows) {
  return out.add(type, {rows}, {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{1}}});
}

// (N, 1) as (N, columns): OpenCV 4.6 spreads no column itself.
std::string spread(OnnxBuilder& out, const std::string& column, std::int64_t columns) {
  const std::vector<float> ones(static_cast<std::size_t>(columns), 1.0F);
  return out.add("MatMul", {column, out.constant({1, columns}, ones)});
}

// The squared distance of z to the centroid m of a class, |z - m|^2 / noise - |D (z - m)|^2, is a part that
// all classes share, |z|^2 / noise - |D z|^2, less 2 z A m - m A m with A = I / noise - D^T D. Both z and m
// are counted from the middle of the centroids, so that little cancels.
class Distances {
 public:
  explicit Distances(const Acceptance& acceptance)
      : acceptance_(acceptance),
        classes_(static_cast<std::size_t>(acceptance.centroids.shape()[0])),
        channels_(static_cast<std::size_t>(acceptance.centroids.shape()[1])),
        rank_(static_cast<std::size_t>(acceptance.directions.shape()[0])),
        middle_(channels_) {
    for (std::size_t c = 0; c < classes_; ++c) {
      for (std::size_t i = 0; i < channels_; ++i) {
        middle_[i] += acceptance.centroids.values()[c * channels_ + i] / static_cast<float>(classes_);
      }
    }
  }

  // (N, 1), squared, of rows of length 1.
  std::string lower(OnnxBuilder& out, const std::string& unit) const {
    const auto channels = static_cast<std::int64_t>(channels_), classes = static_cast<std::int64_t>(classes_);
    const auto z = out.add("Sub", {unit, out.constant({channels}, middle_)});
    auto shared = out.add("Mul", {reduced(out, "ReduceSumSquare", z), out.number(inverse_noise())});
    if (rank_ > 0) {
      const auto along = out.add(
          "MatMul", {z, out.constant({channels, static_cast<std::int64_t>(rank_)}, transposed_directions())});
      shared = out.add("Sub", {shared, reduced(out, "ReduceSumSquare", along)});
    }
    std::vector<float> slopes(channels_ * classes_), offsets(classes_);
    for (std::size_t c = 0; c < classes_; ++c) {
      add_class(c, slopes, offsets);
    }
    const auto products = out.add("MatMul", {z, out.constant({channels, classes}, slopes)});
    const auto own = out.add("Add", {products, out.constant({classes}, offsets)});
    return out.add("Relu", {out.add("Sub", {shared, reduced(out, "ReduceMax", own)})});
  }

 private:
  float inverse_noise() const { return static_cast<float>(1.0 / acceptance_.noise); }

  std::vector<float> transposed_directions() const {
    std::vector<float> result(channels_ * rank_);
    for (std::size_t k = 0; k < rank_; ++k) {
      for (std::size_t i = 0; i < channels_; ++i) {
        result[i * rank_ + k] = acceptance_.directions.values()[k * channels_ + i];
      }
    }
    return result;
  }

  // Column `c` of 2 A m, and -m A m.
  void add_class(std::size_t c, std::vector<float>& slopes, std::vector<float>& offsets) const {
    const auto directions = acceptance_.directions.values();
    std::vector<double> m(channels_), product(channels_);
    for (std::size_t i = 0; i < channels_; ++i) {
      m[i] = static_cast<double>(acceptance_.centroids.values()[c * channels_ + i]) - middle_[i];
      product[i] = m[i] / acceptance_.noise;
    }
    for (std::size_t k = 0; k < rank_; ++k) {
      const auto direction = directions.subspan(k * channels_, channels_);
      double along = 0;
      for (std::size_t i = 0; i < channels_; ++i) {
        along += direction[i] * m[i];
      }
      for (std::size_t i = 0; i < channels_; ++i) {
        product[i] -= along * direction[i];
      }
    }
    double offset = 0;
    for (std::size_t i = 0; i < channels_; ++i) {
      offset -= m[i] * product[i];
      slopes[i * classes_ + c] = static_cast<float>(2.0 * product[i]);
    }
    offsets[c] = static_cast<float>(offset);
  }

  const Acceptance& acceptance_;
  std::size_t classes_, channels_, rank_;
  std::vector<float> middle_;  // of the centroids
};

// (N, classes): 1 for the greatest score of a row, 0 for the others.
std::string greatest(OnnxBuilder& out, const std::string& scores, std::int64_t classes) {
  constexpr float kSteep = 1e30F;
  const auto below = out.add("Sub", {scores, spread(out, reduced(out, "ReduceMax", scores), classes)});
  return out.add("Relu", {out.add("Add", {out.add("Mul", {below, out.number(kSteep)}), out.number(1.0F)})});
}

}  // namespace

std::string lower_strangeness(OnnxBuilder& out, const Acceptance& acceptance, const std::string& features,
                              const std::string& scores) {
  constexpr float kTiny = 1e-30F;  // rows of zeros stay what they are
  const std::int64_t width = acceptance.centroids.shape()[1];
  const auto length = spread(out, reduced(out, "ReduceL2", features), width);
  const auto unit = out.add("Div", {features, out.add("Add", {length, out.number(kTiny)})});
  const auto distance = out.add("Sqrt", {Distances(acceptance).lower(out, unit)});
  const auto channels = static_cast<double>(width);
  std::vector<float> factors;  // distance is by channels
  factors.reserve(acceptance.limits.size());
  for (const double limit : acceptance.limits) {
    factors.push_back(static_cast<float>(1.0 / (limit * std::sqrt(channels))));
  }
  const bool same =
      std::all_of(factors.begin(), factors.end(), [&](float f) { return f == factors.front(); });
  if (same) {
    return out.add("Mul", {distance, out.number(factors.front())});
  }
  const auto classes = static_cast<std::int64_t>(factors.size());
  const auto chosen = out.add("Mul", {greatest(out, scores, classes), out.constant({classes}, factors)});
  const auto factor = reduced(out, "ReduceMax", chosen);
  return out.add("Mul", {distance, factor});
}

}  // namespace headstart
