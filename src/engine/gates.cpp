#include "engine/gates.h"

#include <algorithm>
#include <vector>

#include "core/bf16.h"
#include "core/lanes.h"
#include "engine/parts.h"

namespace headstart {
namespace {

template <typename L, typename T>
[[gnu::always_inline]] inline void gradients_of_row(const T* values, const T* gates, const T* diff,
                                                    std::int64_t channels, T* diff_values, float* sums) {
  for_lanes<L>(
      channels, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value, gate, through, sum;
        W::get(values + i, value);
        W::get(gates + i, gate);
        W::get(diff + i, through);
        W::get(sums + i, sum);
        W::put(sums + i, sum + through * value);
        W::put(diff_values + i, through * gate);
      });
}

template <typename T>
void gradients_of_image(const GateGradients& all, std::int64_t image) {
  const std::int64_t channels = all.channels, first = image * all.rows * channels;
  const T* values = static_cast<const T*>(all.values) + first;
  const T* diff = static_cast<const T*>(all.diff) + first;
  T* diff_values = static_cast<T*>(all.diff_values) + first;
  const T* gates = static_cast<const T*>(all.gates) + image * channels;
  std::vector<float> sums(static_cast<std::size_t>(channels));
  std::vector<double> totals(sums.size());
  for (std::int64_t row = 0; row < all.rows; row += kRowsASum) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    vectorized([&, sum = sums.data() ]<typename L>() __attribute__((always_inline)) {
      for (std::int64_t i = row; i < std::min(all.rows, row + kRowsASum); ++i) {
        gradients_of_row<L>(values + i * channels, gates, diff + i * channels, channels,
                            diff_values + i * channels, sum);
      }
    });
    std::transform(sums.begin(), sums.end(), totals.begin(), totals.begin(),
                   [](float sum, double total) { return total + static_cast<double>(sum); });
  }
  T* diff_gates = static_cast<T*>(all.diff_gates) + image * channels;
  for (std::size_t c = 0; c < totals.size(); ++c) {
    store(&diff_gates[c], static_cast<float>(totals[c]));
  }
}

}  // namespace

void gate_gradients(const GateGradients& all) {
#pragma omp parallel for schedule(static)
  for (std::int64_t image = 0; image < all.images; ++image) {
    (all.bf16 ? gradients_of_image<Bf16> : gradients_of_image<float>)(all, image);
  }
}

}  // namespace headstart
