#include "engine/channel_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <omp.h>

#include "engine/bf16.h"
#include "engine/curves.h"

namespace headstart {
namespace {

// The gradient that goes through the clip of this value.
[[gnu::always_inline]] inline float passed(float diff, float value, const RowActivation& clip) {
  const float above = value > clip.low ? diff : 0.0F;
  return value < clip.high ? above : 0.0F;
}

// Few channels are repeated to rows of at least this many values, so that there is something to vectorise.
constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kChunk = 256;  // values that curves go over at once
// Rows whose sums are taken in f32 before they go into a total in f64.
constexpr std::int64_t kRowsASum = 64;

// What a pass over rows needs to know of the channels.
struct Affine {
  const float *scale, *shift;
};

template <typename T>
[[gnu::always_inline]] inline void scale_values(const T* __restrict src, const float* __restrict scale,
                                                const float* __restrict shift, std::int64_t count,
                                                float* __restrict dst) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    dst[i] = load(src[i]) * scale[i] + shift[i];
  }
}

template <typename T>
[[gnu::always_inline]] inline void scale_row(const T* __restrict src, const Affine& affine,
                                             std::int64_t count, const Clip& clip, T* __restrict dst) {
  const float* __restrict scale = affine.scale;
  const float* __restrict shift = affine.shift;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    store(dst + i, clip(load(src[i]) * scale[i] + shift[i]));
  }
}
// Curves go over values in f32 that stay in the first cache: loops that convert bf16 too are not vectorised
// well.
template <typename T, typename Curve>
[[gnu::always_inline]] inline void bend_row(const T* __restrict src, const Affine& affine, std::int64_t count,
                                            const Curve& curve, T* __restrict dst) {
  float values[kChunk];
  for (std::int64_t first = 0; first < count; first += kChunk) {
    const std::int64_t size = std::min(kChunk, count - first);
    scale_values(src + first, affine.scale + first, affine.shift + first, size, values);
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) {
      values[i] = curve(values[i]);
    }
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) {
      store(dst + first + i, values[i]);
    }
  }
}
template <typename T>
[[gnu::always_inline]] inline void scale_row(const T* src, const Affine& affine, std::int64_t count,
                                             const RowActivation& activation, T* dst) {
  switch (activation.kind) {
    case RowActivation::Kind::clip:
      return scale_row(src, affine, count, Clip{activation.low, activation.high}, dst);
    case RowActivation::Kind::swish:
      return bend_row(src, affine, count, Swish{{activation.low, activation.high}}, dst);
    case RowActivation::Kind::hard_swish:
      return bend_row(src, affine, count, HardSwish{}, dst);
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void scale_row_f32(
    const float* src, const Affine& affine, std::int64_t count, const RowActivation& activation, float* dst) {
  scale_row(src, affine, count, activation, dst);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void scale_row_bf16(
    const Bf16* src, const Affine& affine, std::int64_t count, const RowActivation& activation, Bf16* dst) {
  scale_row(src, affine, count, activation, dst);
}

// sum += src - origin, squares += its square, over rows.
template <typename T>
[[gnu::always_inline]] inline void add_moments(const T* __restrict src, std::int64_t rows,
                                               std::int64_t channels, const float* __restrict origin,
                                               float* __restrict sum, float* __restrict squares) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = src + r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = load(row[c]) - origin[c];
      sum[c] += value;
      squares[c] += value * value;
    }
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_moments_f32(
    const float* src, std::int64_t rows, std::int64_t channels, const float* origin, float* sum,
    float* squares) {
  add_moments(src, rows, channels, origin, sum, squares);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_moments_bf16(
    const Bf16* src, std::int64_t rows, std::int64_t channels, const float* origin, float* sum,
    float* squares) {
  add_moments(src, rows, channels, origin, sum, squares);
}

// sum += diff, products += diff * (src - origin), over rows, of what the clip lets through: what that was of
// is computed again, which is cheaper than to read its result.
template <typename T>
[[gnu::always_inline]] inline void add_products(const T* __restrict src, const T* __restrict diff,
                                                std::int64_t rows, std::int64_t channels,
                                                const Affine& affine, const float* __restrict origin,
                                                const RowActivation& clip, float* __restrict sum,
                                                float* __restrict products) {
  const float* __restrict scale = affine.scale;
  const float* __restrict shift = affine.shift;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = load(src[at + c]);
      const float through = passed(load(diff[at + c]), value * scale[c] + shift[c], clip);
      sum[c] += through;
      products[c] += through * (value - origin[c]);
    }
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_products_f32(
    const float* src, const float* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const float* origin, const RowActivation& clip, float* sum, float* products) {
  add_products(src, diff, rows, channels, affine, origin, clip, sum, products);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_products_bf16(
    const Bf16* src, const Bf16* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const float* origin, const RowActivation& clip, float* sum, float* products) {
  add_products(src, diff, rows, channels, affine, origin, clip, sum, products);
}

// The gradient of a source: diff * a + src * b + c, one of each a channel, of what the clip lets through.
struct Terms {
  std::vector<float> a, b, c;
};
template <typename T>
[[gnu::always_inline]] inline void source_gradient(const T* __restrict src, const T* __restrict diff,
                                                   std::int64_t rows, std::int64_t channels,
                                                   const Affine& affine, const Terms& terms,
                                                   const RowActivation& clip, T* __restrict result) {
  const float* __restrict scale = affine.scale;
  const float* __restrict offset = affine.shift;
  const float* __restrict a = terms.a.data();
  const float* __restrict b = terms.b.data();
  const float* __restrict shift = terms.c.data();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = load(src[at + c]);
      const float through = passed(load(diff[at + c]), value * scale[c] + offset[c], clip);
      store(result + at + c, through * a[c] + value * b[c] + shift[c]);
    }
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void source_gradient_f32(
    const float* src, const float* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const Terms& terms, const RowActivation& clip, float* result) {
  source_gradient(src, diff, rows, channels, affine, terms, clip, result);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void source_gradient_bf16(
    const Bf16* src, const Bf16* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const Terms& terms, const RowActivation& clip, Bf16* result) {
  source_gradient(src, diff, rows, channels, affine, terms, clip, result);
}

// through = diff * the activation's slope; sum += through, products += through * (src - origin), over rows.
template <typename T, typename Curve>
[[gnu::always_inline]] inline void add_sloped(const T* __restrict src, const T* __restrict diff,
                                              const Affine& affine, const float* __restrict origin,
                                              std::int64_t count, const Curve& curve, T* __restrict through,
                                              float* __restrict sum, float* __restrict products) {
  float values[kChunk];
  scale_values(src, affine.scale, affine.shift, count, values);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = curve.slope(values[i]);
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] *= load(diff[i]);
    store(through + i, values[i]);
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    sum[i] += values[i];
    products[i] += values[i] * (load(src[i]) - origin[i]);
  }
}
template <typename T, typename Curve>
[[gnu::always_inline]] inline void add_sloped(const T* src, const T* diff, std::int64_t rows,
                                              std::int64_t channels, const Affine& affine,
                                              const float* origin, const Curve& curve, T* through, float* sum,
                                              float* products) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < channels; c += kChunk) {
      const std::int64_t at = r * channels + c;
      add_sloped(src + at, diff + at, {affine.scale + c, affine.shift + c}, origin + c,
                 std::min(kChunk, channels - c), curve, through + at, sum + c, products + c);
    }
  }
}
template <typename T>
[[gnu::always_inline]] inline void add_sloped(const T* src, const T* diff, std::int64_t rows,
                                              std::int64_t channels, const Affine& affine,
                                              const float* origin, const RowActivation& activation,
                                              T* through, float* sum, float* products) {
  if (activation.kind == RowActivation::Kind::swish) {
    add_sloped(src, diff, rows, channels, affine, origin, Swish{{activation.low, activation.high}}, through,
               sum, products);
  } else {
    add_sloped(src, diff, rows, channels, affine, origin, HardSwish{}, through, sum, products);
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_sloped_f32(
    const float* src, const float* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const float* origin, const RowActivation& activation, float* through, float* sum, float* products) {
  add_sloped(src, diff, rows, channels, affine, origin, activation, through, sum, products);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_sloped_bf16(
    const Bf16* src, const Bf16* diff, std::int64_t rows, std::int64_t channels, const Affine& affine,
    const float* origin, const RowActivation& activation, Bf16* through, float* sum, float* products) {
  add_sloped(src, diff, rows, channels, affine, origin, activation, through, sum, products);
}

// result = result * a + src * b + c, one of each a channel.
template <typename T>
[[gnu::always_inline]] inline void finish_gradient(const T* __restrict src, std::int64_t rows,
                                                   std::int64_t channels, const Terms& terms,
                                                   T* __restrict result) {
  const float* __restrict a = terms.a.data();
  const float* __restrict b = terms.b.data();
  const float* __restrict shift = terms.c.data();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      store(result + at + c, load(result[at + c]) * a[c] + load(src[at + c]) * b[c] + shift[c]);
    }
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void finish_gradient_f32(
    const float* src, std::int64_t rows, std::int64_t channels, const Terms& terms, float* result) {
  finish_gradient(src, rows, channels, terms, result);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void finish_gradient_bf16(
    const Bf16* src, std::int64_t rows, std::int64_t channels, const Terms& terms, Bf16* result) {
  finish_gradient(src, rows, channels, terms, result);
}

template <typename T>
T* row_at(const Rows& rows, std::int64_t row) {
  return static_cast<T*>(rows.data) + row * rows.channels;
}

// The threads share the rows in pieces of kRowsASum: work(first row, number of rows).
template <typename Work>
void for_pieces(std::int64_t count, const Work& work) {
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < count; first += kRowsASum) {
    work(first, std::min(kRowsASum, count - first));
  }
}

struct Sums {
  explicit Sums(std::int64_t channels)
      : first(static_cast<std::size_t>(channels)), second(static_cast<std::size_t>(channels)) {}
  std::vector<double> first, second;
};

// Two sums a channel; add(first row, number of rows, first, second) adds those of a piece in f32.
template <typename Add>
Sums summed(std::int64_t count, std::int64_t channels, const Add& add) {
  std::vector<Sums> sums(static_cast<std::size_t>(omp_get_max_threads()), Sums(channels));
  const auto size = static_cast<std::size_t>(channels);
#pragma omp parallel
  {
    Sums& own = sums[static_cast<std::size_t>(omp_get_thread_num())];
    std::vector<float> first(size), second(size);
#pragma omp for schedule(static)
    for (std::int64_t row = 0; row < count; row += kRowsASum) {
      std::fill(first.begin(), first.end(), 0.0F);
      std::fill(second.begin(), second.end(), 0.0F);
      add(row, std::min(kRowsASum, count - row), first.data(), second.data());
      for (std::size_t c = 0; c < size; ++c) {
        own.first[c] += static_cast<double>(first[c]);
        own.second[c] += static_cast<double>(second[c]);
      }
    }
  }
  for (std::size_t thread = 1; thread < sums.size(); ++thread) {
    for (std::size_t c = 0; c < size; ++c) {
      sums[0].first[c] += sums[thread].first[c];
      sums[0].second[c] += sums[thread].second[c];
    }
  }
  return std::move(sums[0]);
}

// Sums of the values' distances from `origin` and of their squares.
Sums moment_sums(const Rows& src, const std::vector<float>& origin) {
  return summed(
      src.count, src.channels, [&](std::int64_t first, std::int64_t rows, float* sum, float* squares) {
        if (src.bf16) {
          add_moments_bf16(row_at<Bf16>(src, first), rows, src.channels, origin.data(), sum, squares);
        } else {
          add_moments_f32(row_at<float>(src, first), rows, src.channels, origin.data(), sum, squares);
        }
      });
}

std::vector<float> repeated(const float* values, std::int64_t channels, std::int64_t times) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(channels * times));
  for (std::int64_t i = 0; i < times; ++i) {
    result.insert(result.end(), values, values + channels);
  }
  return result;
}

}  // namespace

void scale_and_activate(const Rows& src, const float* scale, const float* shift,
                        const RowActivation& activation, const Rows& dst) {
  const std::int64_t times = (kWidth + src.channels - 1) / src.channels;
  const std::int64_t width = times * src.channels;
  const auto scales = repeated(scale, src.channels, times);
  const auto shifts = repeated(shift, src.channels, times);
  const Affine affine{scales.data(), shifts.data()};
  for_pieces(src.count, [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t done = 0; done < rows * src.channels; done += width) {
      const std::int64_t count = std::min(width, rows * src.channels - done);
      if (src.bf16) {
        scale_row_bf16(row_at<Bf16>(src, first) + done, affine, count, activation,
                       row_at<Bf16>(dst, first) + done);
      } else {
        scale_row_f32(row_at<float>(src, first) + done, affine, count, activation,
                      row_at<float>(dst, first) + done);
      }
    }
  });
}

void channel_sums(const Rows& src, float* sum) {
  const std::vector<float> origin(static_cast<std::size_t>(src.channels), 0.0F);
  const auto sums = moment_sums(src, origin);
  std::transform(sums.first.begin(), sums.first.end(), sum,
                 [](double total) { return static_cast<float>(total); });
}

// The first row is the origin of the sums, so that a mean far from zero costs the variance no digits.
void channel_moments(const Rows& src, float* mean, float* variance) {
  const auto channels = src.channels;
  std::vector<float> origin(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    origin[static_cast<std::size_t>(c)] = src.bf16 ? load(row_at<Bf16>(src, 0)[c]) : row_at<float>(src, 0)[c];
  }
  const Sums sums = moment_sums(src, origin);
  const auto count = static_cast<double>(src.count);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto i = static_cast<std::size_t>(c);
    const double from_origin = sums.first[i] / count;
    mean[c] = static_cast<float>(from_origin + static_cast<double>(origin[i]));
    variance[c] = static_cast<float>(std::max(0.0, sums.second[i] / count - from_origin * from_origin));
  }
}

namespace {

// A normalisation as one scale and shift a channel.
struct Folded {
  explicit Folded(const ChannelNormalization& n, std::int64_t channels)
      : scale(static_cast<std::size_t>(channels)), shift(static_cast<std::size_t>(channels)) {
    for (std::size_t c = 0; c < scale.size(); ++c) {
      scale[c] = n.scale[c] / std::sqrt(n.variance[c] + n.epsilon);
      shift[c] = n.shift[c] - n.mean[c] * scale[c];
    }
  }
  std::vector<float> scale, shift;
};

// Sums a channel of the gradient before the activation, and of its products with src - mean.
Sums sums_behind_clip(const Rows& src, const Rows& diff, const ChannelNormalization& n,
                      const Affine& affine) {
  const auto channels = src.channels;
  return summed(src.count, channels, [&](std::int64_t first, std::int64_t rows, float* sum, float* products) {
    if (src.bf16) {
      add_products_bf16(row_at<Bf16>(src, first), row_at<Bf16>(diff, first), rows, channels, affine, n.mean,
                        n.activation, sum, products);
    } else {
      add_products_f32(row_at<float>(src, first), row_at<float>(diff, first), rows, channels, affine, n.mean,
                       n.activation, sum, products);
    }
  });
}

// Likewise; that gradient itself goes to `through`.
Sums sums_behind_curve(const Rows& src, const Rows& diff, const ChannelNormalization& n, const Affine& affine,
                       const Rows& through) {
  const auto channels = src.channels;
  return summed(src.count, channels, [&](std::int64_t first, std::int64_t rows, float* sum, float* products) {
    if (src.bf16) {
      add_sloped_bf16(row_at<Bf16>(src, first), row_at<Bf16>(diff, first), rows, channels, affine, n.mean,
                      n.activation, row_at<Bf16>(through, first), sum, products);
    } else {
      add_sloped_f32(row_at<float>(src, first), row_at<float>(diff, first), rows, channels, affine, n.mean,
                     n.activation, row_at<float>(through, first), sum, products);
    }
  });
}

// Gradients of scale and shift, and the terms of that of the source, from the sums.
Terms settle(const Sums& sums, std::int64_t rows, const ChannelNormalization& n, bool of_batch,
             const ChannelGradients& gradients) {
  const std::size_t size = sums.first.size();
  Terms terms{std::vector<float>(size), std::vector<float>(size), std::vector<float>(size)};
  const auto count = static_cast<double>(rows);
  for (std::size_t c = 0; c < size; ++c) {
    const double inverse =
        1.0 / std::sqrt(static_cast<double>(n.variance[c]) + static_cast<double>(n.epsilon));
    const double factor = static_cast<double>(n.scale[c]) * inverse;
    gradients.diff_scale[c] = static_cast<float>(sums.second[c] * inverse);
    gradients.diff_shift[c] = static_cast<float>(sums.first[c]);
    terms.a[c] = static_cast<float>(factor);
    if (of_batch) {
      const double slope = -factor * inverse * inverse * sums.second[c] / count;
      terms.b[c] = static_cast<float>(slope);
      terms.c[c] =
          static_cast<float>(-factor * sums.first[c] / count - slope * static_cast<double>(n.mean[c]));
    }
  }
  return terms;
}

}  // namespace

void normalize_channels(const Rows& src, const ChannelNormalization& n, const Rows& dst) {
  const Folded folded(n, src.channels);
  scale_and_activate(src, folded.scale.data(), folded.shift.data(), n.activation, dst);
}

void normalize_channels_backward(const Rows& src, const Rows& diff_dst, const ChannelNormalization& n,
                                 bool of_batch, const ChannelGradients& gradients) {
  const auto channels = src.channels;
  const Rows& diff_src = gradients.diff_src;
  const Folded folded(n, channels);
  const Affine affine{folded.scale.data(), folded.shift.data()};
  if (n.activation.kind != RowActivation::Kind::clip) {
    const Sums sums = sums_behind_curve(src, diff_dst, n, affine, diff_src);
    const Terms terms = settle(sums, src.count, n, of_batch, gradients);
    for_pieces(src.count, [&](std::int64_t first, std::int64_t rows) {
      if (src.bf16) {
        finish_gradient_bf16(row_at<Bf16>(src, first), rows, channels, terms, row_at<Bf16>(diff_src, first));
      } else {
        finish_gradient_f32(row_at<float>(src, first), rows, channels, terms, row_at<float>(diff_src, first));
      }
    });
    return;
  }
  const Terms terms = settle(sums_behind_clip(src, diff_dst, n, affine), src.count, n, of_batch, gradients);
  for_pieces(src.count, [&](std::int64_t first, std::int64_t rows) {
    if (src.bf16) {
      source_gradient_bf16(row_at<Bf16>(src, first), row_at<Bf16>(diff_dst, first), rows, channels, affine,
                           terms, n.activation, row_at<Bf16>(diff_src, first));
    } else {
      source_gradient_f32(row_at<float>(src, first), row_at<float>(diff_dst, first), rows, channels, affine,
                          terms, n.activation, row_at<float>(diff_src, first));
    }
  });
}

}  // namespace headstart
