// Philox against Random123's known answers, and what streams promise.
#include "core/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

using Block = std::array<std::uint32_t, 4>;

// philox4x32-10 of Random123's tests (kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ManyAtOnceEqualOneByOne) {
  // From counters whose first word overflows on the way too, in every number of words.
  for (const std::uint32_t start : {0U, 7U, 0xFFFFFFFAU}) {
    for (const std::size_t count : {1U, 4U, 31U, 32U, 33U, 200U}) {
      std::vector<std::uint32_t> words(count), expected;
      philox({start, 0xFFFFFFFF, 3, 4}, {5, 6}, words);
      for (std::uint64_t i = 0; expected.size() < count; ++i) {
        const std::uint64_t number = (std::uint64_t{0xFFFFFFFF} << 32U | start) + i;
        for (const std::uint32_t word :
             philox({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32U), 3, 4},
                    {5, 6})) {
          expected.push_back(word);
        }
      }
      expected.resize(count);
      EXPECT_EQ(words, expected) << start << " " << count;
    }
  }
}

TEST(Random, ManyUniformNumbersAreTheSameOneByOne) {
  Random many(7, RandomPurpose::test), one(7, RandomPurpose::test);
  std::vector<float> values(1500);
  many.uniform(-2.0F, 3.0F);  // in the middle of a block
  one.uniform(-2.0F, 3.0F);
  many.uniform(-2.0F, 3.0F, values);
  for (const float value : values) {
    ASSERT_EQ(value, one.uniform(-2.0F, 3.0F));
  }
  EXPECT_EQ(many.bits(), one.bits());
}

TEST(Random, SameKeySameNumbers) {
  Random a(7, RandomPurpose::augment, 1'000'000'007'000, 3);
  Random b(7, RandomPurpose::augment, 1'000'000'007'000, 3);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(a.bits(), b.bits());
  }
}

TEST(Random, EveryPartOfTheKeyChangesTheStream) {
  const std::uint64_t high = std::uint64_t{1} << 32U;
  std::vector<Random> streams{Random(1, RandomPurpose::test),        Random(2, RandomPurpose::test),
                              Random(1 + high, RandomPurpose::test), Random(1, RandomPurpose::split),
                              Random(1, RandomPurpose::test, 1),     Random(1, RandomPurpose::test, high),
                              Random(1, RandomPurpose::test, 0, 1)};
  std::set<std::uint32_t> seen;
  for (auto& stream : streams) {
    for (int i = 0; i < 50; ++i) {
      seen.insert(stream.bits());
    }
  }
  EXPECT_GE(seen.size(), streams.size() * 50 - 1);
}

TEST(Random, UniformIsUniformAndHalfOpen) {
  Random random(3, RandomPurpose::test);
  constexpr int kCount = 200'000;
  std::array<int, 10> bins{};
  for (int i = 0; i < kCount; ++i) {
    const float value = random.uniform();
    ASSERT_GE(value, 0.0F);
    ASSERT_LT(value, 1.0F);
    ++bins[static_cast<std::size_t>(value * 10.0F)];
  }
  for (const int count : bins) {
    EXPECT_NEAR(count, kCount / 10, 5 * std::sqrt(kCount * 0.09));  // five standard deviations
  }
}

TEST(Random, UniformNeverReachesTheUpperEndByRounding) {
  Random random(3, RandomPurpose::test);
  const float high = std::nextafter(1.0F, 2.0F);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(random.uniform(1.0F, high), 1.0F);
  }
  EXPECT_EQ(random.uniform(2.0F, 2.0F), 2.0F);
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  Random random(11, RandomPurpose::test);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = static_cast<double>(random.normal());
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
  }
  // Five standard errors: 1, sqrt(2) and sqrt(96) over sqrt(count).
  const double root = std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(sum / kCount, 0.0, 5.0 / root);
  EXPECT_NEAR(squares / kCount, 1.0, 5.0 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourths / kCount, 3.0, 5.0 * std::sqrt(96.0) / root);
}

TEST(Random, BelowIsUnbiasedWhereModuloWouldNotBe) {
  Random random(5, RandomPurpose::test);
  const std::uint32_t limit = 0xC0000000;  // bits() % limit would give the lowest third twice as often
  constexpr int kCount = 60'000;
  int low = 0;
  for (int i = 0; i < kCount; ++i) {
    const std::uint32_t value = random.below(limit);
    ASSERT_LT(value, limit);
    low += value < 0x40000000 ? 1 : 0;
  }
  EXPECT_NEAR(low, kCount / 3, 5 * std::sqrt(kCount * 2.0 / 9.0));
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_THROW(random.below(0), Error);
}

TEST(Random, ShuffleIsAPermutationThatTheSeedDecides) {
  std::vector<int> a(1000), b(1000), c(1000);
  std::iota(a.begin(), a.end(), 0);
  b = c = a;
  Random first(1, RandomPurpose::shuffle), same(1, RandomPurpose::shuffle), other(2, RandomPurpose::shuffle);
  shuffle(a, first);
  shuffle(b, same);
  shuffle(c, other);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_FALSE(std::is_sorted(a.begin(), a.end()));
  std::sort(a.begin(), a.end());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(a[static_cast<std::size_t>(i)], i);
  }
}

}  // namespace
}  // namespace headstart
