// Activations of vectors of values (lanes.h), and their slopes there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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

// The gradient that goes through the clip of `value`, which may be its result. There is one comparison, with
// the nearer bound: for two whose answers are combined GCC 12 takes the vectors of AVX-512 apart value by
// value (30 times slower).
template <typename L>
[[gnu::always_inline]] inline void pass(float low, float high, const typename L::Floats& value,
                                        typename L::Floats& diff) {
  using Floats = typename L::Floats;
  const Floats above = value - low, below = high - value;
  const Floats within = above < below ? above : below;
  diff = within > Floats{} ? diff : Floats{};
}

// 1 + e^-x, where e^-x is 2^n times the Taylor series of 2^f: n is an integer, f lies within a half. The
// steps of several vectors are in turns, so that the CPU has something to do while each of them is under way.
template <typename L, std::size_t n>
[[gnu::always_inline]] inline void one_and_exponential(typename L::Floats (&x)[n]) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: the last bits of a sum with it are the nearest integer
  constexpr float kMost = 87.0F;         // e^87 is no infinity, e^-87 no zero
  constexpr float kPerOne = -std::numbers::log2e_v<float>;
  constexpr float kSixth = 1.5403530e-4F;  // (log 2)^k / k!
  constexpr float kOthers[] = {1.3333558e-3F, 9.6181291e-3F, 5.5504109e-2F,
                               2.4022651e-1F, 6.9314718e-1F, 1.0F};
  typename L::Floats shifted[n], series[n];
  for (std::size_t i = 0; i < n; ++i) {
    clip<L>(-kMost, kMost, x[i]);
    shifted[i] = x[i] * kPerOne + kRound;
  }
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = x[i] * kPerOne - (shifted[i] - kRound);
    series[i] = typename L::Floats{} + kSixth;
  }
  for (const float factor : kOthers) {
    for (std::size_t i = 0; i < n; ++i) {
      series[i] = series[i] * x[i] + factor;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    typename L::Words power, bits;
    L::get_bits(shifted[i], power);
    L::get_bits(series[i], bits);
    L::put_bits(bits + (power << 23U), x[i]);
    x[i] += 1.0F;
  }
}

// ReLU, ReLU6, or nothing at all.
struct Clip {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void bend(typename L::Floats (&x)[n]) const {
    for (std::size_t i = 0; i < n; ++i) {
      clip<L>(low, high, x[i]);
    }
  }
};

struct Swish {
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void bend(typename L::Floats (&x)[n]) const {
    typename L::Floats sum[n];
    for (std::size_t i = 0; i < n; ++i) {
      sum[i] = x[i];
    }
    one_and_exponential<L>(sum);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] /= sum[i];
    }
  }
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void slope(typename L::Floats (&x)[n]) const {
    typename L::Floats sum[n];
    for (std::size_t i = 0; i < n; ++i) {
      sum[i] = x[i];
    }
    one_and_exponential<L>(sum);
    for (std::size_t i = 0; i < n; ++i) {
      const typename L::Floats sigmoid = 1.0F / sum[i];
      x[i] = sigmoid * (1.0F + x[i] * (1.0F - sigmoid));
    }
  }
};

struct HardSwish {
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void bend(typename L::Floats (&x)[n]) const {
    for (std::size_t i = 0; i < n; ++i) {
      typename L::Floats factor = x[i] + 3.0F;
      clip<L>(0.0F, 6.0F, factor);
      x[i] *= factor * (1.0F / 6);
    }
  }
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void slope(typename L::Floats (&x)[n]) const {
    using Floats = typename L::Floats;
    for (std::size_t i = 0; i < n; ++i) {
      const Floats between = x[i] * (1.0F / 3) + 0.5F, one = Floats{} + 1.0F;
      const Floats below = x[i] < Floats{} + 3.0F ? between : one;
      x[i] = x[i] > Floats{} - 3.0F ? below : Floats{};
    }
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
