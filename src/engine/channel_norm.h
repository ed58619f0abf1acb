// Scaling, shifting and normalising rows of channels, with the clipping activation behind it in the same
// pass.
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

// ReLU, ReLU6, or nothing at all. Where a result is at a bound no gradient goes through.
struct Clip {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

// dst = clip(src * scale + shift), one scale and shift a channel.
void scale_and_clip(const Rows& src, const float* scale, const float* shift, const Clip& clip,
                    const Rows& dst);

// Of every channel; the variance is the biased one.
void channel_moments(const Rows& src, float* mean, float* variance);

// dst = clip((src - mean) / sqrt(variance + epsilon) * scale + shift).
struct ChannelNormalization {
  const float *mean = nullptr, *variance = nullptr, *scale = nullptr, *shift = nullptr;
  float epsilon = 0.0F;
  Clip clip{};
};
void normalize_channels(const Rows& src, const ChannelNormalization& normalization, const Rows& dst);

// From the gradient of dst to those of src, scale and shift. `of_batch`: mean and variance are those of src,
// and the gradient goes through them.
struct ChannelGradients {
  Rows diff_src{};
  float *diff_scale = nullptr, *diff_shift = nullptr;
};
void normalize_channels_backward(const Rows& src, const Rows& dst, const Rows& diff_dst,
                                 const ChannelNormalization& normalization, bool of_batch,
                                 const ChannelGradients& gradients);

}  // namespace headstart
