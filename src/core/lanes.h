// Loops over several channels at once, in f32 or bf16, for the vectors that the CPU has: 16 values with
// AVX-512, 8 with AVX2, else 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/bf16.h"

namespace headstart {

// Channels in multiples of this many are in multiples of every vector.
constexpr std::int64_t kMostLanes = 16;

struct Vectors16 {
  static constexpr std::int64_t kCount = 16;
  using Floats [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
  using Words [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = std::uint32_t;
  using Halves [[gnu::vector_size(32), gnu::aligned(2), gnu::may_alias]] = Bf16;
  using Bytes [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] = std::uint8_t;
};
struct Vectors8 {
  static constexpr std::int64_t kCount = 8;
  using Floats [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = float;
  using Words [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = std::uint32_t;
  using Halves [[gnu::vector_size(16), gnu::aligned(2), gnu::may_alias]] = Bf16;
  using Bytes [[gnu::vector_size(8), gnu::aligned(1), gnu::may_alias]] = std::uint8_t;
};
struct Vectors4 {
  static constexpr std::int64_t kCount = 4;
  using Floats [[gnu::vector_size(16), gnu::aligned(4), gnu::may_alias]] = float;
  using Words [[gnu::vector_size(16), gnu::aligned(4), gnu::may_alias]] = std::uint32_t;
  using Halves [[gnu::vector_size(8), gnu::aligned(2), gnu::may_alias]] = Bf16;
  using Bytes [[gnu::vector_size(4), gnu::aligned(1), gnu::may_alias]] = std::uint8_t;
};
struct Vectors1 {
  static constexpr std::int64_t kCount = 1;
  using Floats [[gnu::vector_size(4), gnu::aligned(4), gnu::may_alias]] = float;
  using Words [[gnu::vector_size(4), gnu::aligned(4), gnu::may_alias]] = std::uint32_t;
  using Halves [[gnu::vector_size(2), gnu::aligned(2), gnu::may_alias]] = Bf16;
  using Bytes [[gnu::vector_size(1), gnu::aligned(1), gnu::may_alias]] = std::uint8_t;
};

template <typename Vectors>
struct Lanes : Vectors {
  using Floats = typename Vectors::Floats;
  using Words = typename Vectors::Words;
  using Halves = typename Vectors::Halves;
  using Bytes = typename Vectors::Bytes;

  [[gnu::always_inline]] static void get_bits(const Floats& from, Words& to) {
    std::memcpy(&to, &from, sizeof(to));
  }
  [[gnu::always_inline]] static void put_bits(const Words& from, Floats& to) {
    std::memcpy(&to, &from, sizeof(to));
  }
  // A byte each; of words the lowest.
  [[gnu::always_inline]] static void get(const std::uint8_t* from, Words& to) {
    to = __builtin_convertvector(*reinterpret_cast<const Bytes*>(from), Words);
  }
  [[gnu::always_inline]] static void put(std::uint8_t* to, const Words& from) {
    if constexpr (Vectors::kCount == 8) {
      // GCC 12 converts these one by one.
      using AllBytes [[gnu::vector_size(32)]] = std::uint8_t;
      AllBytes bytes;
      std::memcpy(&bytes, &from, sizeof(bytes));
      *reinterpret_cast<Bytes*>(to) = __builtin_shufflevector(bytes, bytes, 0, 4, 8, 12, 16, 20, 24, 28);
    } else {
      *reinterpret_cast<Bytes*>(to) = __builtin_convertvector(from, Bytes);
    }
  }
  [[gnu::always_inline]] static void get(const float* from, Floats& to) {
    to = *reinterpret_cast<const Floats*>(from);
  }
  [[gnu::always_inline]] static void get(const Bf16* from, Floats& to) {
    const Words words = __builtin_convertvector(*reinterpret_cast<const Halves*>(from), Words) << 16;
    put_bits(words, to);
  }
  [[gnu::always_inline]] static void put(float* to, const Floats& from) {
    *reinterpret_cast<Floats*>(to) = from;
  }
  // As store() of bf16.h, in the lower half of a word each.
  [[gnu::always_inline]] static void get_bf16_bits(const Floats& from, Words& to) {
    get_bits(from, to);
    to = (to + 0x7FFFU + ((to >> 16) & 1U)) >> 16;
  }
  [[gnu::always_inline]] static void put(Bf16* to, const Floats& from) {
    Words bits;
    get_bf16_bits(from, bits);
    *reinterpret_cast<Halves*>(to) = __builtin_convertvector(bits, Halves);
  }
};

// Of several vectors, one behind the other.
template <typename L, std::size_t n, typename T>
[[gnu::always_inline]] inline void get(const T* from, typename L::Floats (&to)[n]) {
  for (auto& values : to) {
    L::get(from, values);
    from += L::kCount;
  }
}
template <typename L, std::size_t n, typename T>
[[gnu::always_inline]] inline void put(T* to, const typename L::Floats (&from)[n]) {
  for (const auto& values : from) {
    L::put(to, values);
    to += L::kCount;
  }
}

// So many vectors at once keep a CPU busy with steps that wait for each other in every one of them.
constexpr std::size_t kTogether = 4;

// body.operator()<Lanes<...>, n>(index): n vectors at once and then one as long as there are enough values,
// then one value each.
template <typename L, std::size_t n, typename Body>
[[gnu::always_inline]] inline void for_groups(std::int64_t count, const Body& body) {
  constexpr std::int64_t kGroup = static_cast<std::int64_t>(n) * L::kCount;
  std::int64_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    body.template operator()<L, n>(i);
  }
  for (; i + L::kCount <= count; i += L::kCount) {
    body.template operator()<L, 1>(i);
  }
  for (; i < count; ++i) {
    body.template operator()<Lanes<Vectors1>, 1>(i);
  }
}

// body.operator()<Lanes<...>>(index): likewise of one vector at once.
template <typename L, typename Body>
[[gnu::always_inline]] inline void for_lanes(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + L::kCount <= count; i += L::kCount) {
    body.template operator()<L>(i);
  }
  for (; i < count; ++i) {
    body.template operator()<Lanes<Vectors1>>(i);
  }
}

template <typename Body>
[[gnu::target("avx512f")]] void with_avx512(const Body& body) {
  body.template operator()<Lanes<Vectors16>>();
}
template <typename Body>
[[gnu::target("avx2,fma")]] void with_avx2(const Body& body) {
  body.template operator()<Lanes<Vectors8>>();
}

// body.operator()<Lanes<...>>(), compiled for each instruction set. It and all the loops that it calls have
// to be always_inline: what is not inlined is compiled for any x86-64.
template <typename Body>
void vectorized(const Body& body) {
#ifdef __SANITIZE_ADDRESS__
  // GCC 12 does not align vectors of 64 bytes that AddressSanitizer watches on the stack (as in its bug
  // 110027).
  constexpr bool has_avx512 = false;
#else
  static const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0;
#endif
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (has_avx512) {
    with_avx512(body);
  } else if (has_avx2) {
    with_avx2(body);
  } else {
    body.template operator()<Lanes<Vectors4>>();
  }
}

}  // namespace headstart
