// Scaling, shifting and normalising rows of channels, with the activation behind it in the same pass.
#pragma once

#include <cstdint>
#include <limits>

namespace headstart {

// A value as rows of channels; `data` is f32 or bf16.
struct Rows {
  void* data = nullptr;
  bool bf16 = false;
  std::int64_t count = 0, channels = 0;
};

// What follows in the same pass: a clip (ReLU, ReLU6, nothing at all), x * sigmoid(x), or x * relu6(x + 3)
// / 6.
struct RowActivation {
  enum class Kind { clip, swish, hard_swish };
  Kind kind = Kind::clip;
  // Of a clip: its bounds; beyond and at them no gradient goes through.
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};
constexpr RowActivation kSwish{.kind = RowActivation::Kind::swish};
constexpr RowActivation kHardSwish{.kind = RowActivation::Kind::hard_swish};

// dst = activation(src * scale + shift), one scale and shift a channel.
void scale_and_activate(const Rows& src, const float* scale, const float* shift,
                        const RowActivation& activation, const Rows& dst);

// dst[i] = activation(src[i]); both may be the same.
void activate_values(const float* src, std::int64_t count, const RowActivation& activation, float* dst);

void channel_sums(const Rows& src, float* sum);

// Of every channel; the variance is the biased one.
void channel_moments(const Rows& src, float* mean, float* variance);

// dst = activation((src - mean) / sqrt(variance + epsilon) * scale + shift + summand); a summand without data
// is none.
struct ChannelNormalization {
  const float *mean = nullptr, *variance = nullptr, *scale = nullptr, *shift = nullptr;
  float epsilon = 0.0F;
  RowActivation activation{};
};
void normalize_channels(const Rows& src, const ChannelNormalization& normalization, const Rows& summand,
                        const Rows& dst);

// From the gradient of dst to those of src, scale and shift. `of_batch`: mean and variance are those of src,
// and the gradient goes through them.
struct ChannelGradients {
  Rows diff_src{};
  float *diff_scale = nullptr, *diff_shift = nullptr;
};
void normalize_channels_backward(const Rows& src, const Rows& diff_dst,
                                 const ChannelNormalization& normalization, bool of_batch,
                                 const ChannelGradients& gradients);

}  // namespace headstart
