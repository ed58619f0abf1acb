// Gradients of gated channels, against naive loops.
#include "engine/gates.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "core/bf16.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

template <typename T>
std::vector<T> waves(std::int64_t count, double step) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    store(&values[i], static_cast<float>(std::sin(step * static_cast<double>(i))));
  }
  return values;
}

template <typename T>
std::vector<float> floats_of(const std::vector<T>& values) {
  std::vector<float> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), [](T value) { return load(value); });
  return result;
}

// Fewer channels than a vector has values, and more; more rows than are added up at once. Sums of 131
// products of either sign are rounded at sizes far above their own.
template <typename T>
void expect_naive_gradients(double error) {
  constexpr std::int64_t kImages = 3;
  for (const std::int64_t channels : {1, 5, 24, 301}) {
    for (const std::int64_t rows : {1, 131}) {
      const auto values = waves<T>(kImages * rows * channels, 0.37),
                 diff = waves<T>(kImages * rows * channels, 0.11);
      const auto gates = waves<T>(kImages * channels, 0.73);
      std::vector<T> diff_values(values.size()), diff_gates(gates.size());
      gate_gradients({.values = values.data(),
                      .gates = gates.data(),
                      .diff = diff.data(),
                      .diff_values = diff_values.data(),
                      .diff_gates = diff_gates.data(),
                      .bf16 = sizeof(T) == sizeof(Bf16),
                      .images = kImages,
                      .rows = rows,
                      .channels = channels});
      std::vector<float> expected_values(values.size());
      std::vector<double> sums(gates.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const auto gate = static_cast<std::size_t>(at / (rows * channels) * channels + at % channels);
        expected_values[i] = load(diff[i]) * load(gates[gate]);
        sums[gate] += static_cast<double>(load(diff[i])) * static_cast<double>(load(values[i]));
      }
      const std::vector<float> expected_gates(sums.begin(), sums.end());
      EXPECT_TRUE(test::all_close(floats_of(diff_values), expected_values, {.atol = 1e-6, .rtol = error}));
      EXPECT_TRUE(test::all_close(floats_of(diff_gates), expected_gates, {.atol = 5e-5, .rtol = error}));
    }
  }
}

TEST(GateGradients, AreThoseOfNaiveLoops) { expect_naive_gradients<float>(1e-6); }

TEST(GateGradients, AreThoseOfNaiveLoopsInBf16) { expect_naive_gradients<Bf16>(1.0 / 256.0); }

}  // namespace
}  // namespace headstart
