// Values and filters as int8 and back.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/channel_norm.h"

namespace headstart {

// to[i] = from[i] / scale, rounded and cut to -128..127 or, without a sign, 0..255. `from` is f32 or bf16.
struct ByteLayout {
  float scale = 1.0F;
  bool has_sign = true;
  bool bf16 = false;  // of the other side
};
void values_to_bytes(const void* from, std::int64_t count, const ByteLayout& layout, void* to);
// Likewise of activation(from[i]).
void activated_to_bytes(const float* from, std::int64_t count, const RowActivation& activation,
                        const ByteLayout& layout, void* to);
// Likewise of values times a gate, of which every image has one a channel.
struct GatedValues {
  const void *data = nullptr, *gates = nullptr;
  std::int64_t images = 0, rows = 0, channels = 0;  // rows of an image
};
void gated_to_bytes(const GatedValues& values, const ByteLayout& layout, void* to);
// to[i] = from[i] * scale.
void bytes_to_values(const void* from, std::int64_t count, const ByteLayout& layout, void* to);

// Every filter of a kernel (the innermost extent) brought to -127..127 by a scale of its own; the whole
// numbers stay f32. `paired_channels`: where the CPU adds the products of two neighbouring channels (the
// extent before the filters) up in 16 bits, how many channels there are: two of 255 * 127 do not fit, so no
// pair of weights sums up to more than 127. 0: it does not.
struct Int8Kernel {
  std::vector<float> values;
  std::vector<float> scales;  // by filter
};
Int8Kernel int8_kernel(std::vector<float> kernel, std::int64_t filters, std::int64_t paired_channels);

}  // namespace headstart
