// RandAugment and TrivialAugment: a few of fourteen operations, each with one magnitude.
#pragma once

#include <vector>

#include "core/random.h"
#include "headstart/augment.h"

namespace headstart {

enum class PolicyOperation {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  saturation,
  contrast,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize
};

struct PolicyStep {
  PolicyOperation operation = PolicyOperation::identity;
  // shear: pixels a pixel; translate: pixels; rotate: degrees; brightness to sharpness: the factor;
  // posterize: bits kept; solarize: the least value that is inverted.
  double magnitude = 0.0;
};

// Takes as many values from `random` as there are steps to draw.
std::vector<PolicyStep> draw_policy(const Augmentation& augmentation, int width, int height, Random& random);

Image apply_policy_step(const Image& image, const PolicyStep& step, FillMode mode, float fill_value);

}  // namespace headstart
