// Products of matrices against the loops of their definition.
#include "core/matrix_product.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "core/random.h"

namespace headstart {
namespace {

std::vector<float> noise(std::int64_t count, std::uint64_t key) {
  Random random(3, RandomPurpose::test, key);
  std::vector<float> values(static_cast<std::size_t>(count));
  random.uniform(-1.0F, 1.0F, values);
  return values;
}

std::vector<float> by_definition(const MatrixView& a, const MatrixView& b) {
  std::vector<float> result;
  for (std::int64_t row = 0; row < a.rows; ++row) {
    for (std::int64_t column = 0; column < b.columns; ++column) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < a.columns; ++i) {
        sum += static_cast<double>(a.values[row * a.down + i * a.right]) *
               static_cast<double>(b.values[i * b.down + column * b.right]);
      }
      result.push_back(static_cast<float>(sum));
    }
  }
  return result;
}

TEST(MatrixProduct, EqualsItsDefinition) {
  for (const std::int64_t rows : {1, 6, 7, 12, 29}) {
    for (const std::int64_t columns : {1, 15, 16, 32, 37}) {
      for (const std::int64_t between : {1, 8, 50}) {
        const auto left = noise(rows * between, 1), right = noise(between * columns, 2);
        for (const auto& a :
             {row_major(left.data(), rows, between), transposed(row_major(left.data(), between, rows))}) {
          for (const auto& b : {row_major(right.data(), between, columns),
                                transposed(row_major(right.data(), columns, between))}) {
            const auto expected = by_definition(a, b), result = product(a, b);
            ASSERT_EQ(result.size(), expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i) {
              ASSERT_NEAR(result[i], expected[i], 1e-5) << rows << " " << between << " " << columns;
            }
          }
        }
      }
    }
  }
}

TEST(MatrixProduct, IsTheSameWithAnyNumberOfThreads) {
  const auto left = noise(100 * 30, 1), right = noise(30 * 20, 2);
  const auto a = row_major(left.data(), 100, 30), b = row_major(right.data(), 30, 20);
  const int threads = omp_get_max_threads();
  const auto expected = product(a, b);
  for (const int count : {1, 2, 3}) {
    omp_set_num_threads(count);
    EXPECT_EQ(product(a, b), expected) << count;
  }
  omp_set_num_threads(threads);
}

}  // namespace
}  // namespace headstart
