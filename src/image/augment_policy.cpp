// Spaces and magnitudes of RandAugment (Cubuk et al., 2019) and TrivialAugment Wide (Mueller and Hutter,
// 2021), with torchvision's numbers.
#include "image/augment_policy.h"

#include <cmath>
#include <numbers>

#include "image/augment_apply.h"
#include "image/augment_tone.h"

namespace headstart {
namespace {

constexpr int kOperations = 14;
constexpr double kBins = 30.0;  // magnitudes are multiples of a thirtieth of the largest

// The largest magnitude of each kind.
struct PolicySpace {
  double shear = 0.0, translate_x = 0.0, translate_y = 0.0, rotate = 0.0, factor = 0.0;
  double bits_lost = 0.0;  // posterize
};

PolicySpace rand_augment_space(int width, int height) {
  constexpr double kTranslate = 150.0 / 331.0;
  return {0.3, kTranslate * width, kTranslate * height, 30.0, 0.9, 4.0};
}

PolicySpace trivial_augment_space() { return {0.99, 32.0, 32.0, 135.0, 0.99, 6.0}; }

double magnitude_of(PolicyOperation operation, double part, double sign, const PolicySpace& space) {
  switch (operation) {
    case PolicyOperation::shear_x:
    case PolicyOperation::shear_y:
      return sign * part * space.shear;
    case PolicyOperation::translate_x:
      return sign * part * space.translate_x;
    case PolicyOperation::translate_y:
      return sign * part * space.translate_y;
    case PolicyOperation::rotate:
      return sign * part * space.rotate;
    case PolicyOperation::brightness:
    case PolicyOperation::saturation:
    case PolicyOperation::contrast:
    case PolicyOperation::sharpness:
      return 1.0 + sign * part * space.factor;
    case PolicyOperation::posterize:
      return 8.0 - std::nearbyint(part * space.bits_lost);
    case PolicyOperation::solarize:
      return 255.0 * (1.0 - part);
    case PolicyOperation::identity:
    case PolicyOperation::autocontrast:
    case PolicyOperation::equalize:
      return 0.0;
  }
  return 0.0;
}

Homography linear(double a, double b, double c, double d) { return {a, b, 0, c, d, 0, 0, 0, 1}; }

}  // namespace

std::vector<PolicyStep> draw_policy(const Augmentation& augmentation, int width, int height, Random& random) {
  const bool trivial = augmentation.policy == AugmentPolicy::trivial_augment;
  const PolicySpace space = trivial ? trivial_augment_space() : rand_augment_space(width, height);
  const int count = augmentation.policy == AugmentPolicy::none ? 0
                    : trivial                                  ? 1
                                                               : augmentation.rand_operations;
  std::vector<PolicyStep> steps;
  for (int i = 0; i < count; ++i) {
    const auto operation = static_cast<PolicyOperation>(random.below(kOperations));
    const double drawn = random.below(static_cast<std::uint32_t>(kBins) + 1);
    const double bin = trivial ? drawn : augmentation.rand_magnitude;
    const double sign = random.below(2) == 0 ? 1.0 : -1.0;
    steps.push_back({operation, magnitude_of(operation, bin / kBins, sign, space)});
  }
  return steps;
}

Image apply_policy_step(const Image& image, const PolicyStep& step, FillMode mode, float fill_value) {
  const double m = step.magnitude;
  Image result = image;
  switch (step.operation) {
    case PolicyOperation::identity:
      break;
    case PolicyOperation::shear_x:
      return warp_about_center(image, linear(1, m, 0, 1), mode, fill_value);
    case PolicyOperation::shear_y:
      return warp_about_center(image, linear(1, 0, m, 1), mode, fill_value);
    case PolicyOperation::translate_x:
      return warp_about_center(image, {1, 0, m, 0, 1, 0, 0, 0, 1}, mode, fill_value);
    case PolicyOperation::translate_y:
      return warp_about_center(image, {1, 0, 0, 0, 1, m, 0, 0, 1}, mode, fill_value);
    case PolicyOperation::rotate: {
      const double angle = m * std::numbers::pi / 180.0;
      return warp_about_center(image,
                               linear(std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)),
                               mode, fill_value);
    }
    case PolicyOperation::brightness:
      scale_brightness(result, m);
      break;
    case PolicyOperation::saturation:
      jitter_color(result, {.saturation = m});
      break;
    case PolicyOperation::contrast:
      jitter_color(result, {.contrast = m});
      break;
    case PolicyOperation::sharpness:
      return sharpened(image, m);
    case PolicyOperation::posterize:
      posterize(result, static_cast<int>(m));
      break;
    case PolicyOperation::solarize:
      solarize(result, m);
      break;
    case PolicyOperation::autocontrast:
      autocontrast(result);
      break;
    case PolicyOperation::equalize:
      equalize(result);
      break;
  }
  return result;
}

}  // namespace headstart
