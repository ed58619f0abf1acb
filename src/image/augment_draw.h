// One view's random values: drawn first, then applied by functions of these values alone.
#pragma once

#include <array>
#include <vector>

#include "core/random.h"
#include "headstart/augment.h"
#include "image/augment_policy.h"

namespace headstart {

// Sides as fractions of the picture's.
struct AugmentBox {
  double left = 0.0, top = 0.0, width = 1.0, height = 1.0;
};

struct AugmentDraw {
  double rotation = 0.0, shear = 0.0;   // degrees
  double shift_x = 0.0, shift_y = 0.0;  // pixels
  double zoom_x = 1.0, zoom_y = 1.0;    // Keras's zoom times `scale`
  AugmentBox crop{};
  // Inwards, fractions of a side: top left, top right, bottom right, bottom left.
  std::array<std::array<double, 2>, 4> corners{};
  bool flip_x = false, flip_y = false;
  double channel_shift = 0.0, brightness = 1.0, contrast = 1.0, saturation = 1.0, hue = 0.0;
  std::array<double, 3> tint{1.0, 1.0, 1.0};
  double blur = 0.0;
  bool erases = false;
  AugmentBox erased{};
  std::vector<PolicyStep> policy{};
};

// Takes the same values from `random` whichever options are used; a policy, whose steps vary in number, comes
// last.
AugmentDraw draw_augmentation(const Augmentation& augmentation, int width, int height, Random& random);

}  // namespace headstart
