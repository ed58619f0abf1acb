// Activations of vectors of values (lanes.h), and their slopes there.
#pragma once

#include <cstdint>
#include <numbers>

#include "engine/channel_norm.h"

namespace headstart {

// They change the vector given: functions that return a vector have no standard way to. Of choices between
// scalars the compiler would make branches, which are many times slower.
template <typename L>
[[gnu::always_inline]] inline void clip(float low, float high, typename L::Floats& x) {
  const typename L::Floats lowest = typename L::Floats{} + low, highest = typename L::Floats{} + high;
  x = x < lowest ? lowest : x;
  x = x > highest ? highest : x;
}

// e^x as 2^n times the Taylor series of what is left, which lies within half of log 2. For x within
// [-87, 88].
template <typename L>
[[gnu::always_inline]] inline void exponential(typename L::Floats& x) {
  using Floats = typename L::Floats;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: the last bits of a sum with it are the nearest integer
  const Floats shifted = x * std::numbers::log2e_v<float> + kRound;
  const Floats n = shifted - kRound;
  const Floats r = x - n * 0.693359375F + n * 2.12194440e-4F;  // log 2 in two parts, the first without error
  const Floats series =
      1.0F +
      r * (1.0F + r * (1.0F / 2 + r * (1.0F / 6 + r * (1.0F / 24 + r * (1.0F / 120 + r * (1.0F / 720))))));
  typename L::Words bits;
  L::get_bits(shifted, bits);
  L::put_bits((bits << 23U) + 0x3F800000U, x);
  x *= series;
}

// ReLU, ReLU6, or nothing at all.
struct Clip {
  float low, high;
  template <typename L>
  [[gnu::always_inline]] void bend(typename L::Floats& x) const {
    clip<L>(low, high, x);
  }
};

struct Swish {
  template <typename L>
  [[gnu::always_inline]] static void one_and_exponential(const typename L::Floats& x,
                                                         typename L::Floats& sum) {
    sum = -x;
    clip<L>(-87.0F, 88.0F, sum);
    exponential<L>(sum);
    sum += 1.0F;
  }
  template <typename L>
  [[gnu::always_inline]] void bend(typename L::Floats& x) const {
    typename L::Floats sum;
    one_and_exponential<L>(x, sum);
    x /= sum;
  }
  template <typename L>
  [[gnu::always_inline]] void slope(typename L::Floats& x) const {
    typename L::Floats sum;
    one_and_exponential<L>(x, sum);
    const typename L::Floats sigmoid = 1.0F / sum;
    x = sigmoid * (1.0F + x * (1.0F - sigmoid));
  }
};

struct HardSwish {
  template <typename L>
  [[gnu::always_inline]] void bend(typename L::Floats& x) const {
    typename L::Floats factor = x + 3.0F;
    clip<L>(0.0F, 6.0F, factor);
    x *= factor * (1.0F / 6);
  }
  template <typename L>
  [[gnu::always_inline]] void slope(typename L::Floats& x) const {
    using Floats = typename L::Floats;
    const Floats between = x * (1.0F / 3) + 0.5F, one = Floats{} + 1.0F;
    const Floats below = x < Floats{} + 3.0F ? between : one;
    x = x > Floats{} - 3.0F ? below : Floats{};
  }
};

// work(curve) with the activation's own type.
template <typename Work>
[[gnu::always_inline]] inline void with_curve(const RowActivation& activation, const Work& work) {
  switch (activation.kind) {
    case RowActivation::Kind::clip:
      return work(Clip{activation.low, activation.high});
    case RowActivation::Kind::swish:
      return work(Swish{});
    case RowActivation::Kind::hard_swish:
      return work(HardSwish{});
  }
}

}  // namespace headstart
