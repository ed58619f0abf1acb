// Random views of a picture: geometry, colour, blur and erasing, drawn from a seed.
#pragma once

#include <cstdint>
#include <string>

#include "headstart/image.h"

namespace headstart {

// What stands outside of the picture: aaaa|abcd|dddd, kkkk|abcd|kkkk, dcba|abcd|dcba, abcd|abcd|abcd.
enum class FillMode { nearest, constant, reflect, wrap };

// RandAugment: `rand_operations` random operations of magnitude `rand_magnitude`. TrivialAugment: one of a
// random magnitude.
enum class AugmentPolicy { none, rand_augment, trivial_augment };

struct AugmentRange {
  float low = 1.0F, high = 1.0F;
  bool operator==(const AugmentRange&) const = default;
};

// Every value is drawn on its own, uniformly, for each view; the defaults change nothing. The first part has
// the names and the meaning of Keras's ImageDataGenerator: one matrix rotation * shift * shear * zoom about
// the centre from output to input, linear interpolation, then channel shift, flips, brightness.
struct Augmentation {
  float rotation = 0.0F;                          // degrees to either side, 0 to 180
  float width_shift = 0.0F, height_shift = 0.0F;  // below 1: of the width or height; else pixels
  float shear = 0.0F;                             // degrees to either side, 0 to below 90
  AugmentRange zoom{};                            // of each axis on its own; below 1 enlarges
  FillMode fill_mode = FillMode::nearest;
  float fill_value = 0.0F;  // of FillMode::constant, 0 to 255
  // Levels added to all channels, kept between the picture's least and greatest value.
  float channel_shift = 0.0F;
  AugmentRange brightness{};                            // factor
  bool horizontal_flip = false, vertical_flip = false;  // with probability one half

  AugmentRange crop_area{};  // random resized crop: fraction of the area, 0 to 1 (Inception; torchvision)
  // Its aspect ratio over the picture's: between 1 / crop_aspect and crop_aspect, log-uniform.
  float crop_aspect = 4.0F / 3.0F;
  float scale = 0.0F;  // both axes together: 1 - scale to 1 + scale
  float skew = 0.0F;   // each corner moves inwards by up to this fraction of half a side, 0 to below 1
  float contrast = 0.0F, saturation = 0.0F;  // factors from 1 - x to 1 + x
  float hue = 0.0F;    // part of a full turn of the chroma plane to either side, 0 to 0.5
  float tint = 0.0F;   // each channel's own factor, from 1 - tint to 1 + tint
  float blur = 0.0F;   // largest standard deviation of a Gaussian, pixels
  float erase = 0.0F;  // probability that a rectangle becomes the picture's mean colour (random erasing)

  AugmentPolicy policy = AugmentPolicy::none;  // applied after the flips; its warps fill as `fill_mode` says
  int rand_operations = 2;
  float rand_magnitude = 9.0F;  // 0 to 30

  bool operator==(const Augmentation&) const = default;
};

// "none"; "standard": the recipe of the courses (rotation 40, shifts 0.2, shear 0.2, zoom 0.2, horizontal
// flip); "strong": random resized crop, flip, small rotation, colour jitter, blur, erasing; "rand-augment"
// and "trivial-augment": random resized crop, flip, the policy, erasing. Throws Error for another name.
Augmentation augmentation_preset(const std::string& name);

std::string to_string(FillMode mode);
FillMode fill_mode_from(const std::string& name);  // throws Error listing the names

// Throws Error that names a value outside of its range.
void check_augmentation(const Augmentation& augmentation);

// The defaults, when what differs from them has no effect: a fill mode where nothing is warped.
Augmentation without_idle_options(const Augmentation& augmentation);

// A picture of the same size. The same for the same arguments on every machine of one OpenCV version; what
// one option draws does not depend on whether others are used.
Image augment(const Image& image, const Augmentation& augmentation, std::uint64_t seed, int sample, int view);

}  // namespace headstart
