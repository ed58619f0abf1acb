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

// functional.group_norm with 2 groups and eps = 1e-3
TEST(ReferenceGroupNorm, EqualsPyTorch) {
  EXPECT_TRUE(agree(group_norm(wave({1, 2, 3, 4}), 2, nullptr, nullptr, 1e-3),
                    {-0.2303886F, 0.2956692F,  0.6325388F,  0.9499837F,  1.2183628F,  1.1680205F,
                     0.8078527F,  0.417129F,   0.0323327F,  -0.5028544F, -1.0938587F, -1.4821587F,
                     -1.6314974F, -1.6782076F, -1.6140352F, -1.293727F,  -0.7471915F, -0.2204751F,
                     0.1933458F,  0.6397315F,  1.0770014F,  1.2192281F,  1.0412786F,  0.8019195F}));
}

// functional.local_response_norm
TEST(ReferenceLocalResponseNorm, EqualsPyTorch) {
  const LocalResponseNormalization op{.size = 3, .alpha = 0.5F, .beta = 0.75F, .k = 2.0F};
  EXPECT_TRUE(agree(local_response_norm(wave({1, 2, 3, 4}), op),
                    {0.0F,        0.2074719F,  0.3693424F,  0.4942457F,  0.529894F,   0.4946593F,
                     0.4257388F,  0.2949908F,  0.1069311F,  -0.1090009F, -0.2974266F, -0.4503738F,
                     -0.5124049F, -0.5078345F, -0.4669504F, -0.3695418F, -0.2095834F, 0.003987F,
                     0.2109682F,  0.3894768F,  0.4811801F,  0.5083072F,  0.4939116F,  0.4301879F}));
}

// functional.interpolate(scale_factor=2, mode="bilinear", align_corners=False)
TEST(ReferenceUpSampling, EqualsPyTorch) {
  Array input({1, 2, 2, 1});
  input.values = {1, 2, 3, 6};
  EXPECT_EQ(upsampling(input, {.interpolation = UpSampling2D::Interpolation::bilinear}).values,
            (std::vector<double>{1.0, 1.25, 1.75, 2.0, 1.5, 1.875, 2.625, 3.0, 2.5, 3.125, 4.375, 5.0, 3.0,
                                 3.75, 5.25, 6.0}));
}

}  // namespace
}  // namespace headstart::reference
