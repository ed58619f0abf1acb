#include "engine/channel_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <omp.h>

#include "core/bf16.h"
#include "core/lanes.h"
#include "engine/curves.h"
#include "engine/parts.h"

namespace headstart {
namespace {

// What a pass over rows needs to know of the channels: scale and shift of what the activation is of.
struct Affine {
  const float *scale, *shift;

  template <typename L>
  [[gnu::always_inline]] void apply(std::int64_t channel, typename L::Floats& value) const {
    typename L::Floats factor, summand;
    L::get(scale + channel, factor);
    L::get(shift + channel, summand);
    value = value * factor + summand;
  }
};

template <typename L>
[[gnu::always_inline]] inline void add_to(float* sum, const typename L::Floats& value) {
  typename L::Floats before;
  L::get(sum, before);
  L::put(sum, before + value);
}

// `summand`: null where there is none.
template <typename L, typename T>
[[gnu::always_inline]] inline void scale_row(const T* src, const Affine& affine, const T* summand,
                                             std::int64_t count, const RowActivation& activation, T* dst) {
  with_curve(
      activation, [=](const auto& curve) __attribute__((always_inline)) {
        for_groups<L, kTogether>(
            count, [=]<typename W, std::size_t n>(std::int64_t first) __attribute__((always_inline)) {
              typename W::Floats values[n];
              std::int64_t i = first;
              for (auto& value : values) {
                W::get(src + i, value);
                affine.apply<W>(i, value);
                if (summand != nullptr) {
                  typename W::Floats other;
                  W::get(summand + i, other);
                  value += other;
                }
                i += W::kCount;
              }
              curve.template bend<W>(values);
              put<W>(dst + first, values);
            });
      });
}

// sum += src - origin, squares += its square.
template <typename L, typename T>
[[gnu::always_inline]] inline void add_moments(const T* row, std::int64_t count, const float* origin,
                                               float* sum, float* squares) {
  for_lanes<L>(
      count, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value, from;
        W::get(row + i, value);
        W::get(origin + i, from);
        value -= from;
        add_to<W>(sum + i, value);
        add_to<W>(squares + i, value * value);
      });
}

// sum += through, products += through * (src - origin), where `through` is what the clip lets through. What
// was clipped is computed again: that is cheaper than to read it.
template <typename L, typename T>
[[gnu::always_inline]] inline void add_products(const T* src, const T* diff, std::int64_t count,
                                                const Affine& affine, const float* origin,
                                                const RowActivation& clip, float* sum, float* products) {
  for_lanes<L>(
      count, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value, through, from;
        W::get(src + i, value);
        W::get(diff + i, through);
        W::get(origin + i, from);
        from = value - from;
        affine.apply<W>(i, value);
        pass<W>(clip.low, clip.high, value, through);
        add_to<W>(sum + i, through);
        add_to<W>(products + i, through * from);
      });
}

// Likewise; `through` is diff * the curve's slope, and is kept.
template <typename L, typename T, typename Curve>
[[gnu::always_inline]] inline void add_sloped(const T* src, const T* diff, std::int64_t count,
                                              const Affine& affine, const float* origin, const Curve& curve,
                                              T* through, float* sum, float* products) {
  for_groups<L, kTogether>(
      count, [=]<typename W, std::size_t n>(std::int64_t first) __attribute__((always_inline)) {
        typename W::Floats slopes[n];
        get<W>(src + first, slopes);
        std::int64_t i = first;
        for (auto& slope : slopes) {
          affine.apply<W>(i, slope);
          i += W::kCount;
        }
        curve.template slope<W>(slopes);
        i = first;
        for (const auto& slope : slopes) {
          typename W::Floats gradient, value, from;
          W::get(diff + i, gradient);
          W::get(src + i, value);
          W::get(origin + i, from);
          gradient *= slope;
          W::put(through + i, gradient);
          add_to<W>(sum + i, gradient);
          add_to<W>(products + i, gradient * (value - from));
          i += W::kCount;
        }
      });
}

// The gradient of a source: through * a + src * b + c, one of each a channel.
struct Terms {
  const float *a, *b, *c;

  template <typename L>
  [[gnu::always_inline]] void apply(std::int64_t channel, const typename L::Floats& value,
                                    typename L::Floats& through) const {
    typename L::Floats factor, slope, summand;
    L::get(a + channel, factor);
    L::get(b + channel, slope);
    L::get(c + channel, summand);
    through = through * factor + value * slope + summand;
  }
};
template <typename L, typename T>
[[gnu::always_inline]] inline void source_gradient(const T* src, const T* diff, std::int64_t count,
                                                   const Affine& affine, const Terms& terms,
                                                   const RowActivation& clip, T* result) {
  for_lanes<L>(
      count, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value, through;
        W::get(src + i, value);
        W::get(diff + i, through);
        typename W::Floats scaled = value;
        affine.apply<W>(i, scaled);
        pass<W>(clip.low, clip.high, scaled, through);
        terms.apply<W>(i, value, through);
        W::put(result + i, through);
      });
}
// Likewise from what add_sloped() left in `result`.
template <typename L, typename T>
[[gnu::always_inline]] inline void finish_gradient(const T* src, std::int64_t count, const Terms& terms,
                                                   T* result) {
  for_lanes<L>(
      count, [=]<typename W>(std::int64_t i) __attribute__((always_inline)) {
        typename W::Floats value, through;
        W::get(src + i, value);
        W::get(result + i, through);
        terms.apply<W>(i, value, through);
        W::put(result + i, through);
      });
}

template <typename T>
T* values_of(const Rows& rows) {
  return static_cast<T*>(rows.data);
}

// Rows of few channels make a line together, so that there is something to vectorise.
class Lines {
 public:
  explicit Lines(std::int64_t channels)
      : channels_(channels), width_((kFewestValues + channels - 1) / channels * channels) {}

  [[nodiscard]] std::int64_t channels() const { return channels_; }
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(width_); }
  // One value a channel, for all of a line.
  [[nodiscard]] std::vector<float> repeated(const float* values) const {
    std::vector<float> result(width());
    for (std::int64_t i = 0; i < width_; ++i) {
      result[static_cast<std::size_t>(i)] = values[i % channels_];
    }
    return result;
  }
  // work(first value, number of values), of some rows.
  template <typename Work>
  [[gnu::always_inline]] void each(std::int64_t first_row, std::int64_t rows, const Work& work) const {
    const std::int64_t end = (first_row + rows) * channels_;
    for (std::int64_t first = first_row * channels_; first < end; first += width_) {
      work(first, std::min(width_, end - first));
    }
  }

 private:
  static constexpr std::int64_t kFewestValues = 256;
  std::int64_t channels_, width_;
};

// The threads share the rows in pieces of kRowsASum: work(first row, number of rows).
template <typename Work>
void for_pieces(std::int64_t count, const Work& work) {
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < count; first += kRowsASum) {
    work(first, std::min(kRowsASum, count - first));
  }
}

// work.operator()<Lanes<...>, f32 or bf16>().
template <typename Work>
void vectorized_for(bool bf16, const Work& work) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    if (bf16) {
      work.template operator()<L, Bf16>();
    } else {
      work.template operator()<L, float>();
    }
  });
}

struct Sums {
  explicit Sums(std::int64_t channels)
      : first(static_cast<std::size_t>(channels)), second(static_cast<std::size_t>(channels)) {}
  std::vector<double> first, second;
};

// Two sums a channel; add(first row, number of rows, first, second) adds those of a piece to lines in f32.
template <typename Add>
Sums summed(std::int64_t count, const Lines& lines, const Add& add) {
  std::vector<Sums> sums(static_cast<std::size_t>(omp_get_max_threads()), Sums(lines.channels()));
  const auto channels = static_cast<std::size_t>(lines.channels());
#pragma omp parallel
  {
    Sums& own = sums[static_cast<std::size_t>(omp_get_thread_num())];
    std::vector<float> first(lines.width()), second(lines.width());
#pragma omp for schedule(static)
    for (std::int64_t row = 0; row < count; row += kRowsASum) {
      std::fill(first.begin(), first.end(), 0.0F);
      std::fill(second.begin(), second.end(), 0.0F);
      add(row, std::min(kRowsASum, count - row), first.data(), second.data());
      for (std::size_t start = 0; start < lines.width(); start += channels) {
        for (std::size_t c = 0; c < channels; ++c) {
          own.first[c] += static_cast<double>(first[start + c]);
          own.second[c] += static_cast<double>(second[start + c]);
        }
      }
    }
  }
  for (std::size_t thread = 1; thread < sums.size(); ++thread) {
    for (std::size_t c = 0; c < channels; ++c) {
      sums[0].first[c] += sums[thread].first[c];
      sums[0].second[c] += sums[thread].second[c];
    }
  }
  return std::move(sums[0]);
}

// Sums of the values' distances from `origin` and of their squares.
Sums moment_sums(const Rows& src, const std::vector<float>& origin) {
  const Lines lines(src.channels);
  const auto origins = lines.repeated(origin.data());
  return summed(src.count, lines, [&](std::int64_t first_row, std::int64_t rows, float* sum, float* squares) {
    vectorized_for(
        src.bf16, [&]<typename L, typename T>() __attribute__((always_inline)) {
          lines.each(
              first_row, rows, [&](std::int64_t first, std::int64_t count) __attribute__((always_inline)) {
                add_moments<L>(values_of<T>(src) + first, count, origins.data(), sum, squares);
              });
        });
  });
}

void scale_add_and_activate(const Rows& src, const float* scale, const float* shift, const Rows& summand,
                            const RowActivation& activation, const Rows& dst) {
  const Lines lines(src.channels);
  const auto scales = lines.repeated(scale), shifts = lines.repeated(shift);
  const Affine affine{scales.data(), shifts.data()};
  for_pieces(src.count, [&](std::int64_t first_row, std::int64_t rows) {
    vectorized_for(
        src.bf16, [&]<typename L, typename T>() __attribute__((always_inline)) {
          lines.each(
              first_row, rows, [&](std::int64_t first, std::int64_t count) __attribute__((always_inline)) {
                const T* other = summand.data != nullptr ? values_of<T>(summand) + first : nullptr;
                scale_row<L>(values_of<T>(src) + first, affine, other, count, activation,
                             values_of<T>(dst) + first);
              });
        });
  });
}

}  // namespace

void scale_and_activate(const Rows& src, const float* scale, const float* shift,
                        const RowActivation& activation, const Rows& dst) {
  scale_add_and_activate(src, scale, shift, {}, activation, dst);
}

void activate_values(const float* src, std::int64_t count, const RowActivation& activation, float* dst) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 14;  // of a thread
#pragma omp parallel for schedule(static) if (count > kPiece)
  for (std::int64_t first = 0; first < count; first += kPiece) {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      with_curve(
          activation, [&](const auto& curve) __attribute__((always_inline)) {
            for_groups<L, kTogether>(
                std::min(kPiece, count - first),
                [ =, from = src + first, to = dst + first ]<typename W, std::size_t n>(std::int64_t i)
                    __attribute__((always_inline)) {
                      typename W::Floats values[n];
                      get<W>(from + i, values);
                      curve.template bend<W>(values);
                      put<W>(to + i, values);
                    });
          });
    });
  }
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
    origin[static_cast<std::size_t>(c)] = src.bf16 ? load(values_of<Bf16>(src)[c]) : values_of<float>(src)[c];
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

// Sums a channel of the gradient before the activation, and of its products with src - mean. Behind a curve
// that gradient itself goes to `through`.
Sums sums_behind(const Rows& src, const Rows& diff, const ChannelNormalization& n, const Lines& lines,
                 const Affine& affine, const Rows& through) {
  const auto means = lines.repeated(n.mean);
  return summed(src.count, lines,
                [&](std::int64_t first_row, std::int64_t rows, float* sum, float* products) {
                  vectorized_for(
                      src.bf16, [&]<typename L, typename T>() __attribute__((always_inline)) {
                        lines.each(
                            first_row,
                            rows, [&](std::int64_t first, std::int64_t count) __attribute__((always_inline)) {
                              const T* values = values_of<T>(src) + first;
                              const T* gradient = values_of<T>(diff) + first;
                              T* kept = values_of<T>(through) + first;
                              switch (n.activation.kind) {
                                case RowActivation::Kind::clip:
                                  return add_products<L>(values, gradient, count, affine, means.data(),
                                                         n.activation, sum, products);
                                case RowActivation::Kind::swish:
                                  return add_sloped<L>(values, gradient, count, affine, means.data(), Swish{},
                                                       kept, sum, products);
                                case RowActivation::Kind::hard_swish:
                                  return add_sloped<L>(values, gradient, count, affine, means.data(),
                                                       HardSwish{}, kept, sum, products);
                              }
                            });
                      });
                });
}

// Gradients of scale and shift, and the terms of that of the source, from the sums.
struct SettledTerms {
  std::vector<float> a, b, c;  // by channel
};
SettledTerms settle(const Sums& sums, std::int64_t rows, const ChannelNormalization& n, bool of_batch,
                    const ChannelGradients& gradients) {
  const std::size_t size = sums.first.size();
  SettledTerms terms{std::vector<float>(size), std::vector<float>(size), std::vector<float>(size)};
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

void normalize_channels(const Rows& src, const ChannelNormalization& n, const Rows& summand,
                        const Rows& dst) {
  const Folded folded(n, src.channels);
  scale_add_and_activate(src, folded.scale.data(), folded.shift.data(), summand, n.activation, dst);
}

void normalize_channels_backward(const Rows& src, const Rows& diff_dst, const ChannelNormalization& n,
                                 bool of_batch, const ChannelGradients& gradients) {
  const Rows& diff_src = gradients.diff_src;
  const Lines lines(src.channels);
  const Folded folded(n, src.channels);
  const auto scales = lines.repeated(folded.scale.data()), shifts = lines.repeated(folded.shift.data());
  const Affine affine{scales.data(), shifts.data()};
  const SettledTerms settled =
      settle(sums_behind(src, diff_dst, n, lines, affine, diff_src), src.count, n, of_batch, gradients);
  const auto a = lines.repeated(settled.a.data()), b = lines.repeated(settled.b.data()),
             c = lines.repeated(settled.c.data());
  const Terms terms{a.data(), b.data(), c.data()};
  for_pieces(src.count, [&](std::int64_t first_row, std::int64_t rows) {
    vectorized_for(
        src.bf16, [&]<typename L, typename T>() __attribute__((always_inline)) {
          lines.each(
              first_row, rows, [&](std::int64_t first, std::int64_t count) __attribute__((always_inline)) {
                const T* values = values_of<T>(src) + first;
                T* result = values_of<T>(diff_src) + first;
                if (n.activation.kind == RowActivation::Kind::clip) {
                  source_gradient<L>(values, values_of<T>(diff_dst) + first, count, affine, terms,
                                     n.activation, result);
                } else {
                  finish_gradient<L>(values, count, terms, result);
                }
              });
        });
  });
}

}  // namespace headstart
