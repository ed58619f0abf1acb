// Tensors: what a copy shares, and those without values.
#include "headstart/tensor.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "headstart/error.h"

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

TEST(Tensor, IsEmptyOnceItsValuesWereMoved) {
  Tensor tensor({2, 3});
  const Tensor taken = std::move(tensor);
  EXPECT_EQ(taken.size(), 6);
  EXPECT_TRUE(tensor.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(tensor.values().empty());
  EXPECT_EQ(tensor.shape(), Shape{});
  Tensor source({4}), target({5});
  target = std::move(source);
  EXPECT_EQ(target.size(), 4);
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move)
  Tensor& same = target;
  target = std::move(same);
  EXPECT_EQ(target.size(), 4);
  EXPECT_NE(target.data(), nullptr);
}

TEST(Tensor, RefusesStorageThatIsNotThere) {
  EXPECT_THROW(Tensor({4}, std::shared_ptr<float>()), Error);
  EXPECT_TRUE(Tensor({0, 4}, std::shared_ptr<float>()).empty());
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
