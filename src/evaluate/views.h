// The views of a picture that test-time augmentation averages over.
#pragma once

#include "headstart/image.h"
#include "headstart/preprocessing.h"

namespace headstart {

inline constexpr int kTestViews = 6;

// A picture of the same size. View 0: itself; 1: its mirror image; 2 to 5: corner crops of 7/8 of its sides,
// scaled up again, the lower left and the upper right one mirrored.
Image test_view(const Image& image, int view, ResizeKernel kernel);

}  // namespace headstart
