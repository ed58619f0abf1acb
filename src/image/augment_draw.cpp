// Drawing the random values of one view.
#include "image/augment_draw.h"

#include <algorithm>
#include <cmath>

namespace headstart {
namespace {

double between(Random& random, double low, double high) {
  return low + (high - low) * double{random.uniform()};
}
double around(Random& random, double center, double reach) {
  return between(random, center - reach, center + reach);
}
double in_range(Random& random, const AugmentRange& range) {
  return between(random, double{range.low}, double{range.high});
}

// Fractions of the side below 1, else pixels.
double shift(Random& random, float reach, int side) {
  return around(random, 0.0, reach < 1.0F ? double{reach} * side : double{reach});
}

// A box of `area` of the picture and of `aspect` over the picture's, somewhere in it.
AugmentBox box_of(Random& random, double area, double aspect) {
  AugmentBox box;
  box.width = std::min(std::sqrt(area * aspect), 1.0);
  box.height = std::min(std::sqrt(area / aspect), 1.0);
  box.left = between(random, 0.0, 1.0 - box.width);
  box.top = between(random, 0.0, 1.0 - box.height);
  return box;
}

double log_uniform(Random& random, double largest) {
  return std::exp(around(random, 0.0, std::log(largest)));
}

void draw_geometry(const Augmentation& from, int width, int height, Random& random, AugmentDraw& draw) {
  draw.rotation = around(random, 0.0, double{from.rotation});
  draw.shift_y = shift(random, from.height_shift, height);
  draw.shift_x = shift(random, from.width_shift, width);
  draw.shear = around(random, 0.0, double{from.shear});
  draw.zoom_x = in_range(random, from.zoom);
  draw.zoom_y = in_range(random, from.zoom);
  const double scale = around(random, 1.0, double{from.scale});
  draw.zoom_x *= scale;
  draw.zoom_y *= scale;
  draw.flip_x = random.uniform() < 0.5F && from.horizontal_flip;
  draw.flip_y = random.uniform() < 0.5F && from.vertical_flip;
  const double area = in_range(random, from.crop_area);
  const double aspect = log_uniform(random, double{from.crop_aspect});
  const bool crops = from.crop_area.low < 1.0F;
  const AugmentBox box = box_of(random, area, crops ? aspect : 1.0);
  draw.crop = crops ? box : AugmentBox{};
  for (auto& corner : draw.corners) {
    corner = {between(random, 0.0, double{from.skew} / 2.0), between(random, 0.0, double{from.skew} / 2.0)};
  }
}

void draw_color(const Augmentation& from, Random& random, AugmentDraw& draw) {
  draw.channel_shift = around(random, 0.0, double{from.channel_shift});
  draw.brightness = in_range(random, from.brightness);
  draw.contrast = around(random, 1.0, double{from.contrast});
  draw.saturation = around(random, 1.0, double{from.saturation});
  draw.hue = around(random, 0.0, double{from.hue});
  for (auto& factor : draw.tint) {
    factor = around(random, 1.0, double{from.tint});
  }
}

}  // namespace

AugmentDraw draw_augmentation(const Augmentation& augmentation, int width, int height, Random& random) {
  // Area and aspect of the erased rectangle: Zhong et al., "Random erasing data augmentation", 2017, as in
  // torchvision.
  constexpr double kLeastErased = 0.02;
  constexpr double kMostErased = 0.33;
  constexpr double kErasedAspect = 3.3;
  AugmentDraw draw;
  draw_geometry(augmentation, width, height, random, draw);
  draw_color(augmentation, random, draw);
  draw.blur = between(random, 0.0, double{augmentation.blur});
  draw.erases = random.uniform() < augmentation.erase;
  const double area = between(random, kLeastErased, kMostErased);
  draw.erased = box_of(random, area, log_uniform(random, kErasedAspect));
  draw.policy = draw_policy(augmentation, width, height, random);
  return draw;
}

}  // namespace headstart
