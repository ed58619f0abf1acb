// The one comparison of floats: |a - b| <= atol + rtol * max(|a|, |b|).
#pragma once

#include <span>

#include <gtest/gtest.h>

namespace headstart::test {

struct Tolerance {
  double atol = 0.0;
  double rtol = 0.0;
};

// Success, or a failure that names the worst element. NaN never passes.
testing::AssertionResult all_close(std::span<const float> actual, std::span<const float> expected,
                                   Tolerance tolerance);

}  // namespace headstart::test
