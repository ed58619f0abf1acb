// The division of RMSprop and Adam, of several values at once.
#pragma once

#include <cfloat>

#include "core/lanes.h"

namespace headstart {

// It is inlined into functions that have the vectors.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

// result = value / (sqrt(square) + epsilon), to within 4 units in the last place; square and epsilon are not
// below 0, and a square below FLT_MIN may count as FLT_MIN, infinity as FLT_MAX. With AVX-512 roots and
// divisions take longer than the values' way from memory: the approximations that it has, right to 14 bits,
// with a step of Newton's method each, take less.
template <typename L>
[[gnu::always_inline]] inline void root_quotient(const typename L::Floats& value,
                                                 const typename L::Floats& square, float epsilon,
                                                 typename L::Floats& result) {
  using Floats = typename L::Floats;
  if constexpr (L::kCount == kMostLanes) {
    constexpr Floats kZero{};
    constexpr auto kAll = static_cast<unsigned short>(0xFFFFU);
    // Bounds by one comparison each: for a condition of two GCC 12 takes vectors of 64 bytes apart.
    const Floats low = square < FLT_MIN ? kZero + FLT_MIN : square, x = low > FLT_MAX ? kZero + FLT_MAX : low;
    const Floats by_root = __builtin_ia32_rsqrt14ps512_mask(x, kZero, kAll), y = x * by_root;
    const Floats divisor = y + 0.5F * y * (1.0F - y * by_root) + epsilon;
    const Floats by_divisor = __builtin_ia32_rcp14ps512_mask(divisor, kZero, kAll);
    result = value * (by_divisor + by_divisor * (1.0F - divisor * by_divisor));
  } else {
    Floats root;
    for (std::int64_t i = 0; i < L::kCount; ++i) {
      root[i] = __builtin_sqrtf(square[i]);
    }
    result = value / (root + epsilon);
  }
}

#pragma GCC diagnostic pop

}  // namespace headstart
