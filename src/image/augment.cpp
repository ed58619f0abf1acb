// augment: draws a view's values, then applies them in order; the presets and the legal ranges.
#include "headstart/augment.h"

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "image/augment_apply.h"
#include "image/augment_draw.h"
#include "image/decoders.h"

namespace headstart {
namespace {

constexpr std::array<std::pair<const char*, FillMode>, 4> kFillModes{{{"nearest", FillMode::nearest},
                                                                      {"constant", FillMode::constant},
                                                                      {"reflect", FillMode::reflect},
                                                                      {"wrap", FillMode::wrap}}};

// Chollet, "Deep Learning with Python", 5.2.5; the course notes.
Augmentation standard() {
  return {.rotation = 40.0F,
          .width_shift = 0.2F,
          .height_shift = 0.2F,
          .shear = 0.2F,
          .zoom = {0.8F, 1.2F},
          .horizontal_flip = true};
}

Augmentation strong() {
  return {.rotation = 15.0F,
          .shear = 5.0F,
          .fill_mode = FillMode::reflect,
          .brightness = {0.7F, 1.3F},
          .horizontal_flip = true,
          .crop_area = {0.35F, 1.0F},
          .skew = 0.1F,
          .contrast = 0.3F,
          .saturation = 0.3F,
          .hue = 0.03F,
          .tint = 0.05F,
          .blur = 1.0F,
          .erase = 0.25F};
}

Augmentation with_policy(AugmentPolicy policy) {
  return {.horizontal_flip = true, .crop_area = {0.35F, 1.0F}, .erase = 0.1F, .policy = policy};
}

constexpr std::array<const char*, 5> kPresets{"none", "standard", "strong", "rand-augment",
                                              "trivial-augment"};

void check_value(const char* name, float value, float low, float high) {
  if (!(value >= low && value <= high)) {
    throw Error(fmt::format("[augment] {} from {} to {} was expected; received {}", name, low, high, value));
  }
}

void check_range(const char* name, const AugmentRange& range, float low, float high) {
  check_value(name, range.low, low, high);
  check_value(name, range.high, range.low, high);
}

}  // namespace

Augmentation augmentation_preset(const std::string& name) {
  if (name == "none") {
    return {};
  }
  if (name == "standard") {
    return standard();
  }
  if (name == "strong") {
    return strong();
  }
  if (name == "rand-augment") {
    return with_policy(AugmentPolicy::rand_augment);
  }
  if (name == "trivial-augment") {
    return with_policy(AugmentPolicy::trivial_augment);
  }
  throw Error(fmt::format("[augment] one of {} was expected; received \"{}\"{}", fmt::join(kPresets, ", "),
                          name, did_you_mean(name, {kPresets.begin(), kPresets.end()})));
}

std::string to_string(FillMode mode) {
  for (const auto& [name, value] : kFillModes) {
    if (value == mode) {
      return name;
    }
  }
  throw Error("[augment] a known fill mode was expected; received another value");
}

Augmentation without_idle_options(const Augmentation& augmentation) {
  const Augmentation defaults;
  Augmentation rest = augmentation;
  rest.fill_mode = defaults.fill_mode;
  rest.fill_value = defaults.fill_value;
  rest.crop_aspect = defaults.crop_aspect;
  rest.rand_operations = defaults.rand_operations;
  rest.rand_magnitude = defaults.rand_magnitude;
  return rest == defaults ? defaults : augmentation;
}

FillMode fill_mode_from(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [known, value] : kFillModes) {
    if (name == known) {
      return value;
    }
    names.emplace_back(known);
  }
  throw Error(fmt::format("[augment] the fill mode was expected to be one of {}; received \"{}\"",
                          fmt::join(names, ", "), name));
}

void check_augmentation(const Augmentation& a) {
  constexpr float kMostPixels = 10000.0F;
  constexpr float kLargestZoom = 10.0F;
  check_value("rotation", a.rotation, 0.0F, 180.0F);
  check_value("width shift", a.width_shift, 0.0F, kMostPixels);
  check_value("height shift", a.height_shift, 0.0F, kMostPixels);
  check_value("shear", a.shear, 0.0F, 89.0F);
  check_range("zoom", a.zoom, 0.01F, kLargestZoom);
  check_value("fill value", a.fill_value, 0.0F, 255.0F);
  check_value("channel shift", a.channel_shift, 0.0F, 255.0F);
  check_range("brightness", a.brightness, 0.0F, kLargestZoom);
  check_range("crop area", a.crop_area, 0.01F, 1.0F);
  check_value("crop aspect", a.crop_aspect, 1.0F, kLargestZoom);
  check_value("scale", a.scale, 0.0F, 0.99F);
  check_value("skew", a.skew, 0.0F, 0.9F);
  check_value("contrast", a.contrast, 0.0F, 1.0F);
  check_value("saturation", a.saturation, 0.0F, 1.0F);
  check_value("hue", a.hue, 0.0F, 0.5F);
  check_value("tint", a.tint, 0.0F, 1.0F);
  check_value("blur", a.blur, 0.0F, 100.0F);
  check_value("erase", a.erase, 0.0F, 1.0F);
  check_value("operations of RandAugment", static_cast<float>(a.rand_operations), 0.0F, 14.0F);
  check_value("magnitude of RandAugment", a.rand_magnitude, 0.0F, 30.0F);
}

Image augment(const Image& image, const Augmentation& augmentation, std::uint64_t seed, int sample,
              int view) {
  check_augmentation(augmentation);
  check_pixels(image);
  Random random(seed, RandomPurpose::augment, static_cast<std::uint64_t>(sample),
                static_cast<std::uint32_t>(view));
  const AugmentDraw draw = draw_augmentation(augmentation, image.width, image.height, random);
  Image result = warp(image, draw, augmentation.fill_mode, augmentation.fill_value);
  shift_channels(result, draw.channel_shift);
  result = flip(result, draw.flip_x, draw.flip_y);
  for (const auto& step : draw.policy) {
    result = apply_policy_step(result, step, augmentation.fill_mode, augmentation.fill_value);
  }
  scale_brightness(result, draw.brightness);
  jitter_color(result, draw);
  result = blurred(result, draw.blur);
  if (draw.erases) {
    erase(result, draw.erased);
  }
  return result;
}

}  // namespace headstart
