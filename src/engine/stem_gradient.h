// The gradient of the kernel of a network's first convolution, over the colours of a picture: too few
// channels for the kernels that oneDNN has.
#pragma once

#include "engine/sliding.h"

namespace headstart {

constexpr std::int64_t kMostStemChannels = 4;

// Whether it can be done here: few channels, filters in multiples of every vector, a kernel that is no patch.
bool is_stem(const SlidingShape& shape, std::int64_t filters);

// Floats of `room`.
std::int64_t stem_gradient_room(const SlidingShape& shape, std::int64_t filters);
double stem_gradient_multiplications(const SlidingShape& shape, std::int64_t filters);

// In f32: `src` and `diff`, the gradient of the result, are channels-last; `gradient` is (kernel height,
// kernel width, channels, filters). The division of the pictures depends on the shape alone.
void stem_gradient(const SlidingShape& shape, std::int64_t filters, const float* src, const float* diff,
                   float* room, float* gradient);

}  // namespace headstart
