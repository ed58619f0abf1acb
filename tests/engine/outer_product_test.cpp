// Rows of an outer product against the loops of its definition.
#include "headstart/outer_product.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "reference/cases.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

TEST(OuterProduct, RowsEqualTheLoops) {
  constexpr std::int64_t kMost = WideProduct::kAtOnce;
  for (const std::int64_t outputs : {1, 2, 31, 32, 33, 64, 257}) {
    for (const std::int64_t rows : {1, 3, 20, 64}) {
      constexpr std::int64_t kInputs = 2 * kMost + 7;  // two passes and a rest
      const Tensor source = reference::random_tensor({rows, kInputs}, 1),
                   diff = reference::random_tensor({rows, outputs}, 2);
      const OuterProduct product{.parameter = "kernel",
                                 .source = source.data(),
                                 .diff = diff.data(),
                                 .rows = rows,
                                 .inputs = kInputs,
                                 .outputs = outputs};
      std::vector<float> result(static_cast<std::size_t>(kInputs * outputs), -1.0F), expected;
      const OuterProductRows gradient(product);
      for (std::int64_t i = 0; i < kInputs; i += kMost) {
        gradient.compute(i, std::min(kMost, kInputs - i), result.data() + i * outputs);
      }
      for (std::int64_t i = 0; i < kInputs; ++i) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          double sum = 0.0;
          for (std::int64_t r = 0; r < rows; ++r) {
            sum += static_cast<double>(source[r * kInputs + i]) * static_cast<double>(diff[r * outputs + o]);
          }
          expected.push_back(static_cast<float>(sum));
        }
      }
      // Sums of at most 64 products of values near 1.
      EXPECT_TRUE(test::all_close(result, expected, {.atol = 2e-5, .rtol = 1e-5})) << outputs << " " << rows;
    }
  }
}

}  // namespace
}  // namespace headstart
