// A few rows of an outer product at a time: a block of columns of all of them stays in registers while the
// factors' rows go by.
#include "headstart/outer_product.h"

#include <algorithm>

#include "engine/lanes.h"
#include "engine/panels.h"

namespace headstart {
namespace {

constexpr std::int64_t kMost = OuterProductRows::kMost;

// As many rows of sums as there are registers for: 32 with AVX-512, else 16.
template <typename L>
constexpr std::int64_t kSums = L::kCount == kMostLanes ? kMost : kMost / 2;

template <typename L>
[[gnu::always_inline]] inline void pack(const OuterProduct& product, std::vector<float>& panels) {
  panels.assign(static_cast<std::size_t>(product.rows * up_to(product.outputs, kPanel<L>)), 0.0F);
  float* to = panels.data();
  for (std::int64_t first = 0; first < product.outputs; first += kPanel<L>) {
    const std::int64_t columns = std::min(kPanel<L>, product.outputs - first);
    for (std::int64_t r = 0; r < product.rows; ++r, to += kPanel<L>) {
      std::copy_n(product.diff + r * product.outputs + first, columns, to);
    }
  }
}

// `source` has kMost columns, those from `count` on zeros.
template <typename L>
[[gnu::always_inline]] inline void blocks(const float* source, const float* panels, std::int64_t rows,
                                          std::int64_t outputs, std::int64_t count, float* result) {
  for (std::int64_t k = 0; k < count; k += kSums<L>) {
    const std::int64_t rows_left = std::min(count - k, kSums<L>);
    for (std::int64_t first = 0; first < outputs; first += kPanel<L>) {
      const float* panel = panels + first * rows;
      const std::int64_t columns = std::min(outputs - first, kPanel<L>);
      float* to = result + k * outputs + first;
      if (rows_left == kSums<L> && columns == kPanel<L>) {
        multiply_panels<L, kSums<L>>(source + k, kMost, panel, rows, false, to, outputs);
        continue;
      }
      float edge[kSums<L> * kPanel<L>];
      multiply_panels<L, kSums<L>>(source + k, kMost, panel, rows, false, edge, kPanel<L>);
      for (std::int64_t row = 0; row < rows_left; ++row) {
        std::copy_n(edge + row * kPanel<L>, columns, to + row * outputs);
      }
    }
  }
}

}  // namespace

OuterProductRows::OuterProductRows(const OuterProduct& product) : product_(product) {
  vectorized([&]<typename L>() __attribute__((always_inline)) { pack<L>(product_, panels_); });
}

void OuterProductRows::compute(std::int64_t first, std::int64_t count, float* result) const {
  // The columns of the source one after another: their distance in it is a trap of caches' associativity.
  std::vector<float> columns(static_cast<std::size_t>(product_.rows * kMost));
  const std::int64_t next = std::min(first + kMost, product_.inputs - 1);
  for (std::int64_t r = 0; r < product_.rows; ++r) {
    const float* row = product_.source + r * product_.inputs;
    std::copy_n(row + first, count, columns.data() + r * kMost);
    __builtin_prefetch(row + next);
  }
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    blocks<L>(columns.data(), panels_.data(), product_.rows, product_.outputs, count, result);
  });
}

}  // namespace headstart
