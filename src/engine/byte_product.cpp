#include "engine/byte_product.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <immintrin.h>

#include "core/lanes.h"
#include "engine/curves.h"
#include "engine/onednn.h"
#include "engine/sliding.h"

// Intrinsics are inlined into functions for the same instructions alone.
#define HEADSTART_AVX2 [[gnu::target("avx2,fma"), gnu::always_inline]] inline

namespace headstart {
namespace {

// Sums that stay in registers: of so many rows with two vectors of filters.
constexpr std::int64_t kRows = 6, kFilters = 16;
constexpr std::int64_t kChannels = 4;  // whose products one instruction brings together
// Rows that stay in a core's first cache while all filters go by.
constexpr std::int64_t kBytesAtOnce = 16384, kMostRowsAtOnce = 96;

using L = Lanes<Vectors8>;

// What a panel of filters begins with; then follow, for every four channels, those of all filters.
struct PanelHead {
  std::int32_t correction[kFilters];  // of the sums, for values that were multiplied as 128 more
  float factor[kFilters], bias[kFilters];
};

// Where a filter stands in its panel: 0 to 3 and 8 to 11 are in the first vector, the others in the second,
// for that is the order from which two vectors of sums are packed to bytes.
constexpr std::int64_t place_of(std::int64_t filter) {
  return (filter & 3) | (filter & 4) << 1 | (filter & 8) >> 1;
}
// Filters of the panel that begins with this one.
constexpr std::int64_t panel_width(std::int64_t filter, std::int64_t filters) {
  return std::min(kFilters, filters - filter);
}
constexpr bool is_narrow(std::int64_t width) { return width <= L::kCount; }

struct Tile {
  const std::uint8_t* rows[kRows] = {};
  const std::int8_t* weights = nullptr;
};

template <typename T>
HEADSTART_AVX2 __m256i at(const T* place) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(place));
}
HEADSTART_AVX2 __m256i added(__m256i sum, __m256i values, const std::int8_t* weights) {
  const auto pairs = _mm256_maddubs_epi16(values, at(weights));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Values with a sign are multiplied as those without one, 128 more than they are. Of a narrow panel the first
// vector has all filters, in their usual order.
template <bool has_sign, bool is_narrow>
HEADSTART_AVX2 void sum_up(const Tile& tile, std::int64_t channels, std::int32_t (&sums)[kRows][kFilters]) {
  __m256i first[kRows], second[kRows];
  for (std::int64_t i = 0; i < kRows; ++i) {
    first[i] = second[i] = _mm256_setzero_si256();
  }
  const std::int8_t* weights = tile.weights;
  for (std::int64_t channel = 0; channel < channels; channel += kChannels, weights += kChannels * kFilters) {
#pragma GCC unroll 6
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::int32_t four;
      std::memcpy(&four, tile.rows[i] + channel, sizeof(four));
      __m256i values = _mm256_set1_epi32(four);
      if (has_sign) {
        values = _mm256_xor_si256(values, _mm256_set1_epi8(-128));
      }
      first[i] = added(first[i], values, weights);
      if (!is_narrow) {
        second[i] = added(second[i], values, weights + kChannels * L::kCount);
      }
    }
  }
  for (std::int64_t i = 0; i < kRows; ++i) {
    if (is_narrow) {
      second[i] = _mm256_zextsi128_si256(_mm256_extracti128_si256(first[i], 1));
      first[i] = _mm256_zextsi128_si256(_mm256_castsi256_si128(first[i]));
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums[i]), first[i]);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums[i] + L::kCount), second[i]);
  }
}

// Two rows of a panel's filters, in its order.
using Pair = L::Floats[4];

// In the usual order.
HEADSTART_AVX2 void load_floats(const float* from, L::Floats& first, L::Floats& second) {
  const __m256 low = _mm256_loadu_ps(from), high = _mm256_loadu_ps(from + L::kCount);
  first = _mm256_permute2f128_ps(low, high, 0x20);
  second = _mm256_permute2f128_ps(low, high, 0x31);
}
HEADSTART_AVX2 void store_floats(const L::Floats& first, const L::Floats& second, float* to) {
  _mm256_storeu_ps(to, _mm256_permute2f128_ps(first, second, 0x20));
  _mm256_storeu_ps(to + L::kCount, _mm256_permute2f128_ps(first, second, 0x31));
}

template <bool has_sign>
HEADSTART_AVX2 __m256 float_of_bytes(__m128i bytes) {
  return _mm256_cvtepi32_ps(has_sign ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
}
HEADSTART_AVX2 void load_bytes(const std::uint8_t* from, const ByteLayout& layout, L::Floats& first,
                               L::Floats& second) {
  const auto usual = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  const auto low = _mm_shuffle_epi32(usual, 0b11'01'10'00), high = _mm_unpackhi_epi64(low, low);
  first = layout.has_sign ? float_of_bytes<true>(low) : float_of_bytes<false>(low);
  second = layout.has_sign ? float_of_bytes<true>(high) : float_of_bytes<false>(high);
  first *= layout.scale;
  second *= layout.scale;
}
HEADSTART_AVX2 __m256i steps(const L::Floats& values, float per_one) {
  constexpr float kTooMany = 1000.0F;  // many more would turn negative
  const __m256 scaled = _mm256_mul_ps(values, _mm256_set1_ps(per_one));
  return _mm256_cvtps_epi32(_mm256_min_ps(scaled, _mm256_set1_ps(kTooMany)));
}
// A ByteEnding behind its first activation.
struct Ending {
  explicit Ending(const ByteEnding& given)
      : summand_layout(given.summand_layout),
        second(given.second),
        has_sign(given.result_layout.has_sign),
        steps_per_one(1.0F / given.result_layout.scale) {}
  ByteLayout summand_layout;
  Clip second;
  bool has_sign;
  float steps_per_one;
};

HEADSTART_AVX2 void store_bytes(const Pair& pair, const Ending& ending, std::uint8_t* first,
                                std::uint8_t* second) {
  const float per_one = ending.steps_per_one;
  const auto upper = _mm256_packs_epi32(steps(pair[0], per_one), steps(pair[1], per_one));
  const auto lower = _mm256_packs_epi32(steps(pair[2], per_one), steps(pair[3], per_one));
  auto bytes = ending.has_sign ? _mm256_packs_epi16(upper, lower) : _mm256_packus_epi16(upper, lower);
  bytes = _mm256_permute4x64_epi64(bytes, 0b11'01'10'00);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(first), _mm256_castsi256_si128(bytes));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(second), _mm256_extracti128_si256(bytes, 1));
}

// Where a tile of the result lies and one of the summand, of which there may be none.
template <typename T>
struct Place {
  const T* summand = nullptr;
  T* result = nullptr;
  std::int64_t step = 0;  // from row to row, of both
};

template <typename T>
HEADSTART_AVX2 void add_summand(const T* summand, std::int64_t step, const Ending& ending, Pair& pair) {
  for (std::int64_t row = 0; row < 2; ++row) {
    L::Floats a, b;
    if constexpr (std::is_same_v<T, float>) {
      load_floats(summand + row * step, a, b);
    } else {
      load_bytes(summand + row * step, ending.summand_layout, a, b);
    }
    pair[2 * row] += a;
    pair[2 * row + 1] += b;
  }
  ending.second.bend<L>(pair);
}

template <typename T, typename Curve>
HEADSTART_AVX2 void finish_tile(const std::int32_t (&sums)[kRows][kFilters], const PanelHead& head,
                                const Curve& first, const Ending& ending, const Place<T>& place) {
  for (std::int64_t row = 0; row < kRows; row += 2) {
    Pair pair;
    for (int i = 0; i < 4; ++i) {
      const int half = i % 2 * static_cast<int>(L::kCount);
      L::Floats factor, bias;
      L::get(head.factor + half, factor);
      L::get(head.bias + half, bias);
      const auto sum = _mm256_add_epi32(at(sums[row + i / 2] + half), at(head.correction + half));
      pair[i] = L::Floats(_mm256_cvtepi32_ps(sum)) * factor + bias;
    }
    first.template bend<L>(pair);
    if (place.summand != nullptr) {
      add_summand(place.summand + row * place.step, place.step, ending, pair);
    }
    T* const to = place.result + row * place.step;
    if constexpr (std::is_same_v<T, float>) {
      store_floats(pair[0], pair[1], to);
      store_floats(pair[2], pair[3], to + place.step);
    } else {
      store_bytes(pair, ending, to, to + place.step);
    }
  }
}

template <typename T>
void copy_tile(const T* from, std::int64_t from_step, std::int64_t rows, std::int64_t filters, T* to,
               std::int64_t to_step) {
  for (std::int64_t row = 0; row < rows; ++row, from += from_step, to += to_step) {
    if (filters == L::kCount) {  // the usual number needs no loop
      std::memcpy(to, from, L::kCount * sizeof(T));
    } else {
      std::copy(from, from + filters, to);
    }
  }
}

struct Operands {
  ByteProduct::Shape shape{};
  const std::uint8_t *rows = nullptr, *packed = nullptr;
  std::int64_t panel_bytes = 0;
};

template <bool has_sign, typename T, typename Curve>
HEADSTART_AVX2 void multiply_rows(const Operands& all, const Range& range, const Curve& first,
                                  const ByteEnding& given, T* result) {
  // Of their own, for bytes that are written may be anything as far as the compiler knows.
  const auto [shape, source, packed, panel_bytes] = all;
  const Ending ending(given);
  for (std::int64_t filter = 0; filter < shape.filters; filter += kFilters) {
    const std::uint8_t* panel = packed + filter / kFilters * panel_bytes;
    const auto& head = *reinterpret_cast<const PanelHead*>(panel);
    const std::int64_t filters = panel_width(filter, shape.filters);
    Tile tile{.weights = reinterpret_cast<const std::int8_t*>(panel + sizeof(PanelHead))};
    for (std::int64_t row = range.first; row < range.end; row += kRows) {
      const std::int64_t rows = std::min(kRows, range.end - row);
      for (std::int64_t i = 0; i < kRows; ++i) {
        tile.rows[i] = source + (row + std::min(i, rows - 1)) * shape.channels;
      }
      alignas(32) std::int32_t sums[kRows][kFilters];
      if (is_narrow(filters)) {
        sum_up<has_sign, true>(tile, shape.channels, sums);
      } else {
        sum_up<has_sign, false>(tile, shape.channels, sums);
      }
      const std::int64_t offset = row * shape.filters + filter;
      const T* summand = given.summand != nullptr ? static_cast<const T*>(given.summand) + offset : nullptr;
      if (rows == kRows && filters == kFilters) {
        finish_tile<T>(sums, head, first, ending, {summand, result + offset, shape.filters});
        continue;
      }
      T results[kRows * kFilters], summands[kRows * kFilters] = {};
      if (summand != nullptr) {
        copy_tile(summand, shape.filters, rows, filters, summands, kFilters);
        summand = summands;
      }
      finish_tile<T>(sums, head, first, ending, {summand, results, kFilters});
      copy_tile(results, kFilters, rows, filters, result + offset, shape.filters);
    }
  }
}

template <bool has_sign, typename T>
[[gnu::target("avx2,fma")]] void multiply(const Operands& all, const Range& rows, const ByteEnding& ending,
                                          T* result) {
  switch (ending.first.kind) {
    case RowActivation::Kind::clip:
      return multiply_rows<has_sign>(all, rows, Clip{ending.first.low, ending.first.high}, ending, result);
    case RowActivation::Kind::swish:
      return multiply_rows<has_sign>(all, rows, Swish{}, ending, result);
    case RowActivation::Kind::hard_swish:
      return multiply_rows<has_sign>(all, rows, HardSwish{}, ending, result);
  }
}

template <typename T>
void multiply_all(const Operands& all, const ByteEnding& ending, T* result) {
  const auto& shape = all.shape;
  const std::int64_t piece =
      std::clamp(kBytesAtOnce / shape.channels / kRows * kRows, kRows, kMostRowsAtOnce);
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < shape.rows; first += piece) {
    const Range rows{first, std::min(shape.rows, first + piece)};
    (shape.has_sign ? multiply<true, T> : multiply<false, T>)(all, rows, ending, result);
  }
}

}  // namespace

bool ByteProduct::is_for_this_cpu() {
  return onednn::cpu_has(dnnl::cpu_isa::avx2) && !onednn::cpu_has(dnnl::cpu_isa::avx512_core) &&
         !onednn::cpu_has(dnnl::cpu_isa::avx2_vnni);
}

std::int64_t ByteProduct::panel_bytes() const {
  return static_cast<std::int64_t>(sizeof(PanelHead)) + shape_.channels * kFilters;
}

std::size_t ByteProduct::packed_bytes() const {
  return static_cast<std::size_t>((shape_.filters + kFilters - 1) / kFilters * panel_bytes());
}

double ByteProduct::multiplications() const {
  return static_cast<double>(shape_.rows) * static_cast<double>(shape_.channels * shape_.filters);
}

void ByteProduct::pack(const std::vector<float>& kernel, const std::vector<float>& factors,
                       const std::vector<float>& bias, void* packed) const {
  auto* const to = static_cast<std::uint8_t*>(packed);
  std::memset(to, 0, packed_bytes());
  for (std::int64_t filter = 0; filter < shape_.filters; ++filter) {
    std::uint8_t* panel = to + filter / kFilters * panel_bytes();
    auto& head = *reinterpret_cast<PanelHead*>(panel);
    const std::int64_t in_panel = filter % kFilters, place = place_of(in_panel);
    const auto i = static_cast<std::size_t>(filter);
    head.factor[place] = factors[i];
    head.bias[place] = bias.empty() ? 0.0F : bias[i];
    const std::int64_t column = is_narrow(panel_width(filter - in_panel, shape_.filters)) ? in_panel : place;
    auto* weights = reinterpret_cast<std::int8_t*>(panel + sizeof(PanelHead)) + column * kChannels;
    for (std::int64_t channel = 0; channel < shape_.channels; ++channel) {
      const float weight = kernel[static_cast<std::size_t>(channel * shape_.filters) + i];
      weights[channel / kChannels * kChannels * kFilters + channel % kChannels] =
          static_cast<std::int8_t>(weight);
      head.correction[place] -= shape_.has_sign ? 128 * static_cast<std::int32_t>(weight) : 0;
    }
  }
}

void ByteProduct::run(const void* rows, const void* packed, const ByteEnding& ending, void* result) const {
  const Operands all{.shape = shape_,
                     .rows = static_cast<const std::uint8_t*>(rows),
                     .packed = static_cast<const std::uint8_t*>(packed),
                     .panel_bytes = panel_bytes()};
  if (ending.is_float) {
    multiply_all(all, ending, static_cast<float*>(result));
  } else {
    multiply_all(all, ending, static_cast<std::uint8_t*>(result));
  }
}

}  // namespace headstart
