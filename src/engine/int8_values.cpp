#include "engine/int8_values.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "core/lanes.h"
#include "engine/curves.h"

namespace headstart {
namespace {

// Threads take the values in pieces of this many.
constexpr std::int64_t kPiece = std::int64_t{1} << 14;

// A float of this size has whole numbers in its lowest bits: an addition rounds to the nearest of them, and
// a subtraction brings it back.
constexpr float kWhole = 8388608.0F;  // 2^23
constexpr std::uint32_t kWholeBits = 0x4B000000U;

// Bytes with a sign are counted from -128 meanwhile, which is their highest bit turned.
struct Offset {
  explicit Offset(bool has_sign) : value(has_sign ? 128.0F : 0.0F), bits(has_sign ? 0x80U : 0U) {}
  float value;
  std::uint32_t bits;
};

struct AsItIs {
  template <typename L, std::size_t n>
  [[gnu::always_inline]] void bend(const typename L::Floats (&)[n]) const {}
};

class Rounding {
 public:
  explicit Rounding(const ByteLayout& layout)
      : offset_(layout.has_sign), steps_per_one_(1.0F / layout.scale) {}

  template <typename W, std::size_t n>
  [[gnu::always_inline]] void put(typename W::Floats (&values)[n], std::uint8_t* to) const {
    for (auto& value : values) {
      typename W::Words bits;
      value = value * steps_per_one_ + offset_.value;
      clip<W>(0.0F, 255.0F, value);
      W::get_bits(value + kWhole, bits);
      W::put(to, bits ^ offset_.bits);
      to += W::kCount;
    }
  }

 private:
  Offset offset_;
  float steps_per_one_;
};

template <typename L, typename T, typename Curve>
[[gnu::always_inline]] inline void to_bytes(const T* from, std::int64_t count, const Curve& curve,
                                            const ByteLayout& layout, std::uint8_t* to) {
  const Rounding rounding(layout);
  for_groups<L, kTogether>(
      count, [=]<typename W, std::size_t n>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats values[n];
        get<W>(from + i, values);
        curve.template bend<W>(values);
        rounding.put<W>(values, to + i);
      });
}

template <typename L, typename T>
[[gnu::always_inline]] inline void gated_row_to_bytes(const T* from, const T* gates, std::int64_t channels,
                                                      const ByteLayout& layout, std::uint8_t* to) {
  const Rounding rounding(layout);
  for_groups<L, 1>(
      channels, [=]<typename W, std::size_t n>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value[n], gate[n];
        get<W>(from + i, value);
        get<W>(gates + i, gate);
        value[0] *= gate[0];
        rounding.put<W>(value, to + i);
      });
}

template <typename L, typename T>
[[gnu::always_inline]] inline void from_bytes(const std::uint8_t* from, std::int64_t count,
                                              const ByteLayout& layout, T* to) {
  const Offset offset(layout.has_sign);
  const float scale = layout.scale;
  for_lanes<L>(
      count, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Words bits;
        typename W::Floats value;
        W::get(from + i, bits);
        W::put_bits((bits ^ offset.bits) | kWholeBits, value);
        W::put(to + i, (value - (kWhole + offset.value)) * scale);
      });
}

// work(first, count) of the pieces, shared among the threads.
template <typename Work>
void in_pieces(std::int64_t count, const Work& work) {
#pragma omp parallel for schedule(static) if (count > kPiece)
  for (std::int64_t first = 0; first < count; first += kPiece) {
    work(first, std::min(kPiece, count - first));
  }
}

template <typename T>
void gate_rows(const GatedValues& values, const ByteLayout& layout, std::uint8_t* to) {
  const std::int64_t channels = values.channels, rows = values.images * values.rows;
  const std::int64_t piece = std::max<std::int64_t>(1, kPiece / channels);
#pragma omp parallel for schedule(static) if (rows > piece)
  for (std::int64_t first = 0; first < rows; first += piece) {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      for (std::int64_t row = first; row < std::min(rows, first + piece); ++row) {
        gated_row_to_bytes<L>(static_cast<const T*>(values.data) + row * channels,
                              static_cast<const T*>(values.gates) + row / values.rows * channels, channels,
                              layout, to + row * channels);
      }
    });
  }
}

}  // namespace

void values_to_bytes(const void* from, std::int64_t count, const ByteLayout& layout, void* to) {
  auto* bytes = static_cast<std::uint8_t*>(to);
  in_pieces(count, [&](std::int64_t first, std::int64_t piece) {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (layout.bf16) {
        to_bytes<L>(static_cast<const Bf16*>(from) + first, piece, AsItIs{}, layout, bytes + first);
      } else {
        to_bytes<L>(static_cast<const float*>(from) + first, piece, AsItIs{}, layout, bytes + first);
      }
    });
  });
}

void activated_to_bytes(const float* from, std::int64_t count, const RowActivation& activation,
                        const ByteLayout& layout, void* to) {
  in_pieces(count, [&](std::int64_t first, std::int64_t piece) {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      with_curve(
          activation, [&](const auto& curve) __attribute__((always_inline)) {
            to_bytes<L>(from + first, piece, curve, layout, static_cast<std::uint8_t*>(to) + first);
          });
    });
  });
}

void gated_to_bytes(const GatedValues& values, const ByteLayout& layout, void* to) {
  (layout.bf16 ? gate_rows<Bf16> : gate_rows<float>)(values, layout, static_cast<std::uint8_t*>(to));
}

void bytes_to_values(const void* from, std::int64_t count, const ByteLayout& layout, void* to) {
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  in_pieces(count, [&](std::int64_t first, std::int64_t piece) {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (layout.bf16) {
        from_bytes<L>(bytes + first, piece, layout, static_cast<Bf16*>(to) + first);
      } else {
        from_bytes<L>(bytes + first, piece, layout, static_cast<float*>(to) + first);
      }
    });
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
