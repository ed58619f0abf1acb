// Products of few rows with a wide kernel against the loops of their definition.
#include "headstart/wide_product.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/engine.h"
#include "reference/cases.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

using reference::random_tensor;

std::vector<float> by_definition(const Tensor& source, const Tensor& kernel, const Tensor& bias) {
  const std::int64_t rows = source.shape()[0], inputs = source.shape()[1], outputs = bias.size();
  std::vector<float> result;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = bias[o];
      for (std::int64_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(source[r * inputs + i]) * static_cast<double>(kernel[i * outputs + o]);
      }
      result.push_back(static_cast<float>(sum));
    }
  }
  return result;
}

TEST(WideProduct, EqualsItsDefinition) {
  for (const std::int64_t inputs : {1, 23, 24, 25, 800, 1000}) {
    for (const std::int64_t outputs : {1, 15, 32, 33, 100, 257}) {
      for (const std::int64_t rows : {1, 5, 12, 13, 20, 32, 64}) {
        const Tensor source = random_tensor({rows, inputs}, 1), kernel = random_tensor({inputs, outputs}, 2),
                     bias = random_tensor({outputs}, 3);
        WideProduct product{.source = source.data(), .rows = rows, .inputs = inputs, .outputs = outputs};
        // What was there before does not count.
        std::vector<float> sums(static_cast<std::size_t>(product.sums_needed()), 1e6F);
        product.sums = sums.data();
        product.add_all(kernel.data());
        std::vector<float> result(static_cast<std::size_t>(rows * outputs), -1.0F);
        product.finish(bias.data(), result.data());
        // Sums of at most 1,000 products of values near 1.
        EXPECT_TRUE(
            test::all_close(result, by_definition(source, kernel, bias), {.atol = 1e-4, .rtol = 1e-5}))
            << rows << " " << inputs << " " << outputs;
      }
    }
  }
}

TEST(WideProduct, HasTheSameBitsHoweverItIsAddedUp) {
  constexpr std::int64_t kRows = 20, kInputs = 1999, kOutputs = 70;
  const Tensor source = random_tensor({kRows, kInputs}, 1), kernel = random_tensor({kInputs, kOutputs}, 2);
  WideProduct product{.source = source.data(), .rows = kRows, .inputs = kInputs, .outputs = kOutputs};
  std::vector<float> sums(static_cast<std::size_t>(product.sums_needed()));
  product.sums = sums.data();
  std::vector<float> expected(kRows * kOutputs), result(kRows * kOutputs);
  product.add_all(kernel.data());
  product.finish(nullptr, expected.data());

  set_engine_threads(1);
  product.add_all(kernel.data());
  product.finish(nullptr, result.data());
  set_engine_threads(0);
  EXPECT_EQ(result, expected);

  // The last piece first.
  for (std::int64_t piece = WideProduct::piece_count(kInputs) - 1; piece >= 0; --piece) {
    const std::int64_t end = WideProduct::first_of_piece(kInputs, piece + 1);
    for (std::int64_t first = WideProduct::first_of_piece(kInputs, piece); first < end;
         first += WideProduct::kAtOnce) {
      product.add(piece, first, std::min(WideProduct::kAtOnce, end - first),
                  kernel.data() + first * kOutputs);
    }
  }
  product.finish(nullptr, result.data());
  EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace headstart
