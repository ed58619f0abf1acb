// A few rows of an outer product at a time: a block of columns of all of them stays in registers while the
// factors' rows go by.
#include "headstart/outer_product.h"

#include <algorithm>

#include "core/lanes.h"
#include "core/panels.h"

namespace headstart {
namespace {

constexpr std::int64_t kMost = OuterProductRows::kMost;
static_assert(kMost == kMostSumRows);

}  // namespace

OuterProductRows::OuterProductRows(const OuterProduct& product) : product_(product) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    pack_panels<L>(product_.diff, product_.rows, product_.outputs, product_.outputs, 1, panels_);
  });
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
    multiply_rows<L>(columns.data(), panels_.data(), product_.rows, product_.outputs, count, result);
  });
}

}  // namespace headstart
