// The reference against PyTorch's numbers (1.13, float64) where a convention could be mistaken. The inputs
// are sin(0.37 i).
#include <cmath>

#include <gtest/gtest.h>

#include "reference/normalization.h"
#include "reference/rearrange.h"
#include "reference/tokens.h"
#include "support/tolerance.h"

namespace headstart::reference {
namespace {

Array wave(const Shape& shape, double amplitude = 1.0) {
  Array array(shape);
  for (std::int64_t i = 0; i < array.size(); ++i) {
    array[i] = amplitude * std::sin(0.37 * static_cast<double>(i));
  }
  return array;
}

// The goldens have nine digits.
testing::AssertionResult agree(const Array& actual, std::vector<float> expected) {
  return test::all_close(to_tensor(actual).values(), expected, {.atol = 1e-6});
}

// nn.MultiheadAttention with an identity as output projection, behind its in_proj.
TEST(ReferenceAttention, EqualsPyTorch) {
  EXPECT_TRUE(agree(self_attention(wave({1, 3, 12}, 2.0), 2),
                    {0.562679553F, 0.18396638F, 0.11836137F, -0.340467929F, -1.26979174F, -0.647403086F,
                     0.029551658F, 0.748196023F, 0.43046311F, -0.199204416F, 0.05977262F, 0.687398966F}));
}

// x.view(n, groups, c / groups, h, w).transpose(1, 2)
TEST(ReferenceChannelShuffle, EqualsPyTorch) {
  Array input({1, 1, 1, 6});
  input.values = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(channel_shuffle(input, {.groups = 2}).values, (std::vector<double>{0, 3, 1, 4, 2, 5}));
}

// functional.layer_norm with eps = 1e-3
TEST(ReferenceLayerNorm, EqualsPyTorch) {
  EXPECT_TRUE(agree(layer_norm(wave({2, 3}), nullptr, nullptr, 1e-3),
                    {-1.245103126F, 0.058826939F, 1.186276187F, -1.058252926F, 0.8605256F, 0.197727326F}));
}

}  // namespace
}  // namespace headstart::reference
