// Tensors: what a copy shares, and those without values.
#include "headstart/tensor.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace headstart {
namespace {

TEST(Tensor, CopiesAreApart) {
  Tensor tensor({2, 3});
  tensor[4] = 5.0F;
  Tensor copy = tensor;
  copy[4] = 6.0F;
  EXPECT_EQ(tensor[4], 5.0F);
  EXPECT_EQ(copy.shape(), (Shape{2, 3}));
}

TEST(Tensor, WithoutAShapeIsEmptyAndSoAreItsCopies) {
  const Tensor nothing;
  const Tensor copy = nothing;
  EXPECT_TRUE(copy.empty());
  Tensor assigned({3});
  assigned = nothing;
  EXPECT_TRUE(assigned.empty());
  EXPECT_EQ(assigned.size(), 0);
}

// Large ones come as pages from the system.
TEST(Tensor, BeginsWithZerosAtAnySize) {
  for (const std::int64_t count : {1, 1000, 3'000'000}) {
    const Tensor tensor({count});
    EXPECT_TRUE(std::ranges::all_of(tensor.values(), [](float value) { return value == 0.0F; })) << count;
  }
}

}  // namespace
}  // namespace headstart
