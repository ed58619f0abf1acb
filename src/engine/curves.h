// Activations as functions that the compiler vectorises: of a value, and the slope there.
#pragma once

#include <bit>
#include <cstdint>
#include <numbers>

namespace headstart {

// ReLU, ReLU6, or nothing at all.
struct Clip {
  float low, high;
  [[gnu::always_inline]] float operator()(float x) const {
    x = x < low ? low : x;
    return x > high ? high : x;
  }
};

// e^x as 2^n times the Taylor series of what is left, which lies within half of log 2: a loop over it is
// vectorised, one over std::exp is not. For x within [-87, 88].
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: the last bits of a sum with it are the nearest integer
  const float shifted = x * std::numbers::log2e_v<float> + kRound;
  const float n = shifted - kRound;
  const float r = x - n * 0.693359375F + n * 2.12194440e-4F;  // log 2 in two parts, the first without error
  const float series =
      1.0F +
      r * (1.0F + r * (1.0F / 2 + r * (1.0F / 6 + r * (1.0F / 24 + r * (1.0F / 120 + r * (1.0F / 720))))));
  return series * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23U) + 0x3F800000U);
}

// The bounds are [-87, 88], but not constants: those the compiler would make branches of.
struct Swish {
  Clip bounds;
  [[gnu::always_inline]] float operator()(float x) const { return x / (1.0F + exponential(bounds(-x))); }
  [[gnu::always_inline]] float slope(float x) const {
    const float sigmoid = 1.0F / (1.0F + exponential(bounds(-x)));
    return sigmoid * (1.0F + x * (1.0F - sigmoid));
  }
};

struct HardSwish {
  [[gnu::always_inline]] float operator()(float x) const {
    return x * Clip{0.0F, 6.0F}(x + 3.0F) * (1.0F / 6);
  }
  [[gnu::always_inline]] float slope(float x) const {
    const float between = x * (1.0F / 3) + 0.5F;
    return x <= -3.0F ? 0.0F : x >= 3.0F ? 1.0F : between;
  }
};

}  // namespace headstart
