#include "engine/int8_values.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "engine/bf16.h"

namespace headstart {
namespace {

// Threads take the values in pieces of this many.
constexpr std::int64_t kPiece = std::int64_t{1} << 14;

template <typename From, typename To>
[[gnu::always_inline]] inline void to_bytes(const From* __restrict from, std::int64_t count, float factor,
                                            To* __restrict to) {
  constexpr std::int32_t kLowest = std::is_signed_v<To> ? -128 : 0;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    // Counted from the lowest byte nothing is negative, and cutting off the fraction rounds to the nearest.
    const float steps = load(from[i]) * factor - static_cast<float>(kLowest) + 0.5F;
    to[i] = static_cast<To>(static_cast<std::int32_t>(std::min(std::max(steps, 0.0F), 255.0F)) + kLowest);
  }
}

template <typename From, typename To>
[[gnu::always_inline]] inline void from_bytes(const From* __restrict from, std::int64_t count, float scale,
                                              To* __restrict to) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    store(to + i, static_cast<float>(from[i]) * scale);
  }
}

// One function for all pairs of types, so that one is compiled for several instruction sets.
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void piece_to_bytes(const void* from,
                                                                                   std::int64_t count,
                                                                                   ByteLayout layout,
                                                                                   void* to) {
  const float factor = 1.0F / layout.scale;
  const auto* values = static_cast<const float*>(from);
  const auto* halves = static_cast<const Bf16*>(from);
  auto* with_sign = static_cast<std::int8_t*>(to);
  auto* without = static_cast<std::uint8_t*>(to);
  if (layout.bf16) {
    layout.has_sign ? to_bytes(halves, count, factor, with_sign) : to_bytes(halves, count, factor, without);
  } else {
    layout.has_sign ? to_bytes(values, count, factor, with_sign) : to_bytes(values, count, factor, without);
  }
}

[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void piece_from_bytes(const void* from,
                                                                                     std::int64_t count,
                                                                                     ByteLayout layout,
                                                                                     void* to) {
  const auto* with_sign = static_cast<const std::int8_t*>(from);
  const auto* without = static_cast<const std::uint8_t*>(from);
  auto* values = static_cast<float*>(to);
  auto* halves = static_cast<Bf16*>(to);
  const float scale = layout.scale;
  if (layout.bf16) {
    layout.has_sign ? from_bytes(with_sign, count, scale, halves) : from_bytes(without, count, scale, halves);
  } else {
    layout.has_sign ? from_bytes(with_sign, count, scale, values) : from_bytes(without, count, scale, values);
  }
}

// work(first, count) of the pieces, shared among the threads.
template <typename Work>
void in_pieces(std::int64_t count, const Work& work) {
#pragma omp parallel for schedule(static) if (count > kPiece)
  for (std::int64_t first = 0; first < count; first += kPiece) {
    work(first, std::min(kPiece, count - first));
  }
}

}  // namespace

void values_to_bytes(const void* from, std::int64_t count, const ByteLayout& layout, void* to) {
  const std::int64_t size = layout.bf16 ? sizeof(Bf16) : sizeof(float);
  in_pieces(count, [&](std::int64_t first, std::int64_t piece) {
    piece_to_bytes(static_cast<const std::byte*>(from) + first * size, piece, layout,
                   static_cast<std::byte*>(to) + first);
  });
}

void bytes_to_values(const void* from, std::int64_t count, const ByteLayout& layout, void* to) {
  const std::int64_t size = layout.bf16 ? sizeof(Bf16) : sizeof(float);
  in_pieces(count, [&](std::int64_t first, std::int64_t piece) {
    piece_from_bytes(static_cast<const std::byte*>(from) + first, piece, layout,
                     static_cast<std::byte*>(to) + first * size);
  });
}

Int8Kernel int8_kernel(std::vector<float> kernel, std::int64_t filters, std::int64_t paired_channels) {
  const auto width = static_cast<std::size_t>(filters);
  const auto channels = static_cast<std::size_t>(paired_channels);
  std::vector<float> scales(width, 0.0F);
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::size_t channel = channels > 0 ? i / width % channels : 0;
    const bool has_partner = channel + 1 < channels && channel % 2 == 0;
    const float partner = has_partner ? std::abs(kernel[i + width]) : 0.0F;
    scales[i % width] = std::max(scales[i % width], std::abs(kernel[i]) + partner);
  }
  for (float& scale : scales) {
    scale = scale > 0.0F ? scale / 127.0F : 1.0F;
  }
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    kernel[i] = std::nearbyint(kernel[i] / scales[i % width]);
  }
  return {.values = std::move(kernel), .scales = std::move(scales)};
}

}  // namespace headstart
