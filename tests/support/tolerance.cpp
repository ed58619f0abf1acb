#include "support/tolerance.h"

#include <algorithm>
#include <cmath>

namespace headstart::test {

testing::AssertionResult all_close(std::span<const float> actual, std::span<const float> expected,
                                   Tolerance tolerance) {
  if (actual.size() != expected.size()) {
    return testing::AssertionFailure() << "sizes differ: " << actual.size() << " and " << expected.size();
  }
  double worst = 0.0;
  std::size_t worst_index = actual.size();
  std::size_t failures = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]);
    const double b = static_cast<double>(expected[i]);
    const double excess =
        std::abs(a - b) - (tolerance.atol + tolerance.rtol * std::max(std::abs(a), std::abs(b)));
    if (!(excess <= 0.0)) {
      ++failures;
      if (worst_index == actual.size() || excess > worst || std::isnan(excess)) {
        worst = excess;
        worst_index = i;
      }
    }
  }
  if (failures == 0) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << failures << " of " << actual.size() << " differ; worst at "
                                     << worst_index << ": " << actual[worst_index] << " and "
                                     << expected[worst_index] << " (excess " << worst << ")";
}

}  // namespace headstart::test
