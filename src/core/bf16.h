// Values in f32 or bf16, for loops that are written once for both.
#pragma once

#include <bit>
#include <cstdint>

namespace headstart {

using Bf16 = std::uint16_t;

[[gnu::always_inline]] inline float load(float value) { return value; }
[[gnu::always_inline]] inline float load(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

[[gnu::always_inline]] inline void store(float* to, float value) { *to = value; }
// To the nearest, ties to even; what is not a number, as arithmetic makes it, stays so.
[[gnu::always_inline]] inline void store(Bf16* to, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  *to = static_cast<Bf16>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace headstart
