// The steps of a view, each a function of the drawn values.
#pragma once

#include <array>

#include "headstart/augment.h"
#include "image/augment_draw.h"

namespace headstart {

// From output pixel (x, y, 1) to input pixel, row-major 3x3; pixel centres have whole coordinates.
using Homography = std::array<double, 9>;
Homography augment_matrix(const AugmentDraw& draw, int width, int height);

// Unchanged when the drawn matrix is the identity.
Image warp(const Image& image, const AugmentDraw& draw, FillMode mode, float fill_value);

// The matrix is about the centre.
Image warp_about_center(const Image& image, const Homography& matrix, FillMode mode, float fill_value);

void shift_channels(Image& image, double shift);
Image flip(const Image& image, bool horizontally, bool vertically);
void scale_brightness(Image& image, double factor);

// Contrast about the picture's mean luma, then saturation, hue and tint: value -> matrix * value + offset,
// channels RGB.
struct ColorTransform {
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::array<double, 3> offset{0, 0, 0};
};
ColorTransform color_transform(const AugmentDraw& draw, double mean_luma);
void jitter_color(Image& image, const AugmentDraw& draw);

Image blurred(const Image& image, double deviation);
void erase(Image& image, const AugmentBox& box);

}  // namespace headstart
