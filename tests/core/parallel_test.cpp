// Every index once, and the exception of the lowest one.
#include "core/parallel.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace headstart {
namespace {

TEST(ParallelFor, EveryIndexOnce) {
  for (const int threads : {0, 1, 3, 64}) {
    std::vector<std::atomic<int>> counts(1000);
    parallel_for(counts.size(), threads, [&](std::size_t i) { ++counts[i]; });
    for (const auto& count : counts) {
      ASSERT_EQ(count, 1);
    }
  }
  parallel_for(0, 4, [](std::size_t) { FAIL(); });
}

TEST(ParallelFor, RunsAtTheSameTime) {
  std::atomic<int> inside{0};
  parallel_for(2, 2, [&](std::size_t) {
    ++inside;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (inside < 2 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(inside, 2);
}

TEST(ParallelFor, LowestFailureWins) {
  for (int repeat = 0; repeat < 50; ++repeat) {
    try {
      parallel_for(100, 4, [](std::size_t i) {
        if (i == 7) {
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
        if (i >= 7) {
          throw std::runtime_error(std::to_string(i));
        }
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      ASSERT_STREQ(error.what(), "7");
    }
  }
}

}  // namespace
}  // namespace headstart
